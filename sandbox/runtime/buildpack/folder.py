"""What detection looks at: the names in a folder and the texts of the few files that matter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sandbox.errors import RuntimeFailure

_LARGEST = 256 * 1024  # bytes read of one file
_MOST_NAMES = 10_000
_TEXTS = ("Procfile", "package.json", "pyproject.toml", "requirements.txt", "manage.py")


@dataclass(frozen=True, slots=True)
class Folder:
    """`names` are files and folders directly inside, and `<package>/__main__.py`; `texts` are by name."""

    path: Path
    names: frozenset[str]
    texts: dict[str, str] = field(default_factory=dict)


def read_folder(path: Path) -> Folder:
    """RuntimeFailure when it is no folder or can't be read."""
    try:
        entries = sorted(path.iterdir())[:_MOST_NAMES]
        names = {entry.name for entry in entries}
        names |= {f"{entry.name}/__main__.py" for entry in entries if (entry / "__main__.py").is_file()}
        texts = {entry.name: _text(entry) for entry in entries if _matters(entry)}
    except OSError as error:
        raise RuntimeFailure(
            f"can't be read: {error.strerror}", place=str(path), hint="check the path given as build:"
        ) from None
    return Folder(path, frozenset(names), texts)


def _matters(entry: Path) -> bool:
    return (entry.name in _TEXTS or entry.suffix == ".py") and entry.is_file()


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", "replace")
