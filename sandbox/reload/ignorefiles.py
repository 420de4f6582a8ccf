"""Reads the ignore files that hold for a folder: git's above it, Docker's in it."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable
from pathlib import Path

from sandbox.reload.ignore import Ignore
from sandbox.reload.layout import Area

GITIGNORE, DOCKERIGNORE = ".gitignore", ".dockerignore"

_LONGEST = 1 << 20


def text_of(path: str) -> str:
    """Empty when it is not there or can't be read."""
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST)
    except OSError:
        return ""


def read_rules(area: Area, own: Collection[str]) -> Ignore:
    """Those from outside the area, and Docker's. What lies deeper is read on the way down."""
    ignore = Ignore(area.root, own)
    _read_gitignores(ignore)
    if area.context:
        _read_dockerignore(ignore, area)
    return ignore


def _read_gitignores(ignore: Ignore) -> None:
    """Those above the root, up to the top of its repository, and the repository's own exclude file.

    Where they ignore the root itself, somebody asked for it by name, and they do not hold.
    """
    top = repository(ignore.root)
    above = _between(ignore.root, top) if top is not None else []
    for folder in above:
        ignore.use_gitignore(folder, text_of(posixpath.join(folder, GITIGNORE)))
    if top is not None:
        ignore.use_gitignore(top, text_of(posixpath.join(top, GITIGNORE)))
        ignore.use_exclude(top, text_of(posixpath.join(top, ".git", "info", "exclude")))
    if top != ignore.root and any(ignore.ignored(folder, folder=True) for folder in (ignore.root, *above)):
        ignore.forget_git()


def _read_dockerignore(ignore: Ignore, area: Area) -> None:
    """A file named for the Dockerfile comes before the folder's own, as BuildKit reads them."""
    named = [text for path in sorted(area.dockerfiles) if (text := text_of(f"{path}{DOCKERIGNORE}"))]
    text = named[0] if named else text_of(posixpath.join(area.root, DOCKERIGNORE))
    ignore.use_dockerignore(text, {*area.dockerfiles, posixpath.join(area.root, DOCKERIGNORE)})


def repository(folder: str) -> str | None:
    """The top of the git repository that a folder lies in."""
    for path in (Path(folder), *Path(folder).parents):
        if (path / ".git").exists():
            return path.as_posix()
    return None


def git_locks(folders: Iterable[str]) -> tuple[Path, ...]:
    """The file that git holds while it changes many files, for each repository that the folders lie in."""
    tops = {top for folder in folders if (top := repository(folder)) is not None}
    return tuple(_git_folder(Path(top, ".git")) / "index.lock" for top in sorted(tops))


def _git_folder(entry: Path) -> Path:
    """A worktree has a file there, which says where its folder is."""
    text = text_of(str(entry)) if entry.is_file() else ""
    return entry.parent / text.removeprefix("gitdir:").strip() if text.startswith("gitdir:") else entry


def _between(folder: str, top: str) -> list[str]:
    """The folders above one, below another."""
    return [path.as_posix() for path in Path(folder).parents if path.is_relative_to(top) and path != Path(top)]
