"""The two languages of ignore files: git's, and Docker's, which `develop.watch` also speaks. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from pathspec import GitIgnoreSpec, PathSpec
from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

T = TypeVar("T")


class GitPatterns:
    """The lines of one .gitignore. Paths are relative to its folder."""

    __slots__ = ("_spec",)

    def __init__(self, text: str) -> None:
        self._spec = GitIgnoreSpec(list(_compiled(GitIgnoreSpecPattern, text.splitlines())))

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """True: ignored; False: taken back by `!`; None: not spoken of."""
        return self._spec.check_file(f"{path}/" if folder else path).include


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
