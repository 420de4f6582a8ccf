"""What detection looks at: the names in a folder and the texts of the few files that matter."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.errors import RuntimeFailure

_LARGEST = 256 * 1024  # bytes read of one file
_MOST_NAMES = 10_000
_MOST_SOURCES = 500  # Java files searched for a main method
_TEXTS = (
    "Procfile",
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "manage.py",
    "go.mod",
    "pom.xml",
    "yarn.lock",
    "pnpm-lock.yaml",
)
_SUFFIXES = (".py", ".go")
_MAIN = re.compile(r"\bstatic\s+(final\s+)?void\s+main\s*\(")


@dataclass(frozen=True, slots=True)
class Folder:
    """`names` are files and folders directly inside, and of those deeper: `<package>/__main__.py`,
    `cmd/<program>/main.go`, `public/index.html`, and Java sources of a Maven project that have a main method.
    `texts` are by name."""

    path: Path
    names: frozenset[str]
    texts: dict[str, str] = field(default_factory=dict)


def read_folder(path: Path) -> Folder:
    """RuntimeFailure when it is no folder or can't be read."""
    try:
        entries = sorted(path.iterdir())[:_MOST_NAMES]
        names = {entry.name for entry in entries} | _deeper(path, entries)
        texts = {entry.name: _text(entry) for entry in entries if _matters(entry)}
    except OSError as error:
        raise RuntimeFailure(
            f"can't be read: {error.strerror}", place=str(path), hint="check the path given as build:"
        ) from None
    return Folder(path, frozenset(names), texts)


def _deeper(path: Path, entries: list[Path]) -> set[str]:
    names = {f"{entry.name}/__main__.py" for entry in entries if (entry / "__main__.py").is_file()}
    names |= {f"cmd/{file.parent.name}/main.go" for file in path.glob("cmd/*/main.go")}
    if (path / "public" / "index.html").is_file():
        names.add("public/index.html")
    if (path / "pom.xml").is_file():
        sources = itertools.islice(path.glob("src/main/java/**/*.java"), _MOST_SOURCES)
        names |= {file.relative_to(path).as_posix() for file in sources if _MAIN.search(_text(file))}
    return names


def _matters(entry: Path) -> bool:
    return (entry.name in _TEXTS or entry.suffix in _SUFFIXES) and entry.is_file()


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", "replace")
