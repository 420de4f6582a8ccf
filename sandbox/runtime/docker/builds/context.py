"""The build context: which files of a folder there are, what they amount to, and their archive."""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from docker.utils.build import PatternMatcher

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.builds.digests import Digests

DOCKERFILE = ".sandbox.Dockerfile"
"""The name of the Dockerfile in the archive. The engine removes it again, because the archive's .dockerignore says so
(that is also how the docker command sends a Dockerfile from elsewhere)."""

_EXECUTABLE = 0o111

USELESS = (
    *("**/.git", "**/.hg", "**/.svn", "**/.DS_Store", "**/.idea", "**/.vscode"),
    *("**/node_modules", "**/.venv", "**/venv", "**/__pycache__", "**/*.py[cod]", "**/*.egg-info"),
    *("**/.mypy_cache", "**/.pytest_cache", "**/.ruff_cache", "**/.tox", "**/.nox"),
)  # fmt: skip
PRIVATE = (
    *("**/.env", "**/.env.*", "!**/.env.example", "**/.npmrc", "**/.yarnrc", "**/.yarnrc.yml"),
    *("**/pip.conf", "**/.netrc", "**/.pypirc"),
)  # fmt: skip
MADE_BY_MAVEN = ("target",)
OURS = ("sandbox.yaml", "sandbox.yml", "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


@dataclass(frozen=True, slots=True)
class Entry:
    name: str  # relative, with slashes
    path: Path
    mode: int
    size: int = 0
    content: str = ""  # of a file: its digest; of a link: where it leads


@dataclass(frozen=True, slots=True)
class Context:
    """`digest` changes with names, contents, links and what may be executed; not with times or owners."""

    entries: tuple[Entry, ...]
    digest: str
    size: int  # bytes


def ignored(folder: Path, dockerfile: str | None) -> tuple[str, ...]:
    """Patterns of what is left out. Beside the user's own Dockerfile only what the user says is."""
    own = _own_patterns(folder, dockerfile)
    if dockerfile is not None:
        return own or ()
    made = MADE_BY_MAVEN if (folder / "pom.xml").is_file() else ()
    return (*USELESS, *PRIVATE, *OURS, *made, *(own or ()))


def _own_patterns(folder: Path, dockerfile: str | None) -> tuple[str, ...] | None:
    """From <Dockerfile>.dockerignore, else .dockerignore."""
    names = ([f"{dockerfile}.dockerignore"] if dockerfile else []) + [".dockerignore"]
    for name in names:
        path = folder / name
        if path.is_file():
            lines = [line.strip() for line in path.read_text("utf-8-sig", "replace").splitlines()]
            return tuple(line for line in lines if line and not line.startswith("#"))
    return None


def scan(folder: Path, patterns: Iterable[str], digests: Digests | None = None) -> Context:
    """RuntimeFailure when something in it can't be read. `digests` are those of earlier scans."""
    names = sorted(PatternMatcher(list(patterns)).walk(str(folder)))
    return _context(folder, names, digests or Digests())


def only(folder: Path, names: Iterable[str]) -> Context:
    """A context of these files alone. RuntimeFailure when one lies elsewhere, or can't be read."""
    chosen = sorted(names)
    for name in chosen:
        if name.startswith("../") or Path(name).is_absolute():
            raise RuntimeFailure(
                f"{name} lies outside of the folder that is built",
                place=str(folder),
                hint="move it inside, or build from the folder above: build: {context: .., dockerfile: …}",
            )
    return _context(folder, chosen, Digests())


def _context(folder: Path, names: Iterable[str], digests: Digests) -> Context:
    digest, entries = hashlib.sha256(), []
    try:
        for name in names:
            entry = _entry(name, folder / name, digests)
            if entry is not None:
                entries.append(entry)
                digest.update(_told(entry))
    except OSError as error:
        raise RuntimeFailure(
            f"can't be read: {error.strerror}",
            place=str(error.filename or folder),
            hint="make it readable, or name it in .dockerignore",
        ) from None
    return Context(tuple(entries), digest.hexdigest(), sum(entry.size for entry in entries))


def _entry(name: str, path: Path, digests: Digests) -> Entry | None:
    mode = path.lstat().st_mode
    if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
        return None
    if stat.S_ISLNK(mode):
        return Entry(name, path, mode, content=str(path.readlink()))
    if not stat.S_ISREG(mode):
        return Entry(name, path, mode)
    size, content = digests.of(path)
    return Entry(name, path, mode, size, content)


def _told(entry: Entry) -> bytes:
    kind = f"{stat.S_IFMT(entry.mode):o}{entry.mode & _EXECUTABLE:o}" if not stat.S_ISLNK(entry.mode) else "link"
    content = entry.content.encode("utf-8", "surrogateescape")
    head = f"{entry.name}\0{kind}\0{entry.size}\0".encode("utf-8", "surrogateescape")
    return head + len(content).to_bytes(8, "big") + content


def archive(context: Context, dockerfile: str) -> IO[bytes]:
    """A tar on disk, at its beginning. RuntimeFailure when the disk is full, or a file has gone."""
    file = tempfile.TemporaryFile(prefix="sandbox-context-")  # noqa: SIM115  the caller closes it
    try:
        with tarfile.open(mode="w", fileobj=file, format=tarfile.PAX_FORMAT) as tar:
            for entry in context.entries:
                if entry.name not in (DOCKERFILE, ".dockerignore"):
                    _add(tar, entry)
            for name, text in ((".dockerignore", f"{DOCKERFILE}\n.dockerignore\n"), (DOCKERFILE, dockerfile)):
                add_text(tar, name, text.encode())
    except OSError as error:
        file.close()
        raise RuntimeFailure(
            f"the build context could not be packed: {error.strerror or error}",
            place=str(error.filename or tempfile.gettempdir()),
            hint="see that nothing changes the folder meanwhile, and that the disk has room",
        ) from None
    file.seek(0)
    return file


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of a few small files."""
    buffer = io.BytesIO()
    with tarfile.open(mode="w", fileobj=buffer) as tar:
        for name, data in sorted(files.items()):
            add_text(tar, name, data)
    return buffer.getvalue()


def add_text(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    tar.addfile(info, io.BytesIO(data))


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    info = tar.gettarinfo(entry.path, entry.name)
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    if info.islnk():  # a second name of a file that is there already; the first may have been left out
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", entry.path.stat().st_size
    if not info.isreg():
        tar.addfile(info)
        return
    with entry.path.open("rb") as file:
        tar.addfile(info, file)
