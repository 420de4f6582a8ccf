"""The two languages of ignore files: git's, and Docker's, which `develop.watch` also speaks. Pure."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from pathspec import PathSpec
from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

T = TypeVar("T")

_FOLDER_MARK = "ps_d"
"""pathspec's name for the slash in a match after which a folder's contents begin."""


class GitPatterns:
    """The lines of one .gitignore. Paths are relative to its folder.

    pathspec lets a pattern that matches a folder speak for all below it. git does not: it never looks into an ignored
    folder, and a folder that is taken back says nothing about its files. Here the caller walks down as git does.
    """

    __slots__ = ("_patterns",)

    def __init__(self, text: str) -> None:
        compiled = _compiled(GitIgnoreSpecPattern, map(_all_below, text.splitlines()))
        self._patterns = [(found.regex, found.include) for found in compiled if found.regex is not None][::-1]

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """True: ignored; False: taken back by `!`; None: not spoken of."""
        text = f"{path}/" if folder else path
        for regex, include in self._patterns:
            if any(_to_the_end(found) for found in regex.finditer(text)):
                return include
        return None


def _all_below(line: str) -> str:
    """What a final `**` covers is said in full: to pathspec it is the folder itself, too, and `**/` every file."""
    return re.sub(r"(^|/)\*\*(/?)\s*$", r"\1**/*\2", line)


def _to_the_end(found: re.Match[str]) -> bool:
    """The match is of the path itself, not of a folder above it."""
    return found.groupdict().get(_FOLDER_MARK) is None or found.end(_FOLDER_MARK) == len(found.string)


class NamePatterns:
    """Shell patterns of bare names; with a final slash, of folders only."""

    __slots__ = ("_any", "_folders")

    def __init__(self, text: str) -> None:
        words = text.split()
        self._any = _one_of(word for word in words if not word.endswith("/"))
        self._folders = _one_of(word.removesuffix("/") for word in words)

    def match(self, name: str, *, folder: bool) -> bool:
        return (self._folders if folder else self._any).match(name) is not None


def _one_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(word) for word in words))


class DockerPatterns:
    """The lines of a .dockerignore, or of a watch rule's `ignore` and `include`.

    Every pattern starts at the root, a matching folder covers all below it, and the last pattern that matches a path or
    a folder above it decides (https://docs.docker.com/build/concepts/context/#dockerignore-files).
    """

    __slots__ = ("_spec", "takes_back")

    def __init__(self, lines: Iterable[str]) -> None:
        patterns = [pattern for line in lines if (pattern := _anchored(line))]
        self.takes_back = any(pattern.startswith("!") for pattern in patterns)
        self._spec = PathSpec(list(_compiled(GitIgnoreBasicPattern, patterns)))

    def __bool__(self) -> bool:
        return len(self._spec) > 0

    def match(self, path: str) -> bool:
        return self._spec.check_file(path).include is True


def _compiled(pattern: Callable[[str], T], lines: Iterable[str]) -> Iterator[T]:
    """Without the lines that mean nothing, which git and Docker pass over too."""
    for line in lines:
        with suppress(ValueError):
            yield pattern(line)


def _anchored(line: str) -> str:
    """A Docker pattern in git's words; empty for a comment or a blank line."""
    line = line.strip()
    if not line or line.startswith("#"):
        return ""
    mark, body = ("!", line[1:].strip()) if line.startswith("!") else ("", line)
    clean = posixpath.normpath(body.lstrip("/")) if body else ""
    if clean == ".":
        return f"{mark}/**"
    return f"{mark}/{clean}" if clean and not clean.startswith("..") else ""
