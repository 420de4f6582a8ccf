"""Which line of a service's own code ended it, as far as its output tells. Pure.

Python prints the frames of a traceback, outermost first, and then the exception; of chained ones the last is the one
that counts (docs.python.org, `traceback`). A SyntaxError of the program itself has one frame and no heading. Node
prints where it threw, then the error, and the frames innermost first.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LINES = 400
"""Of the newest output that are worth looking at."""

_LONGEST = 200

_LIBRARIES = re.compile(r"/(site-packages|dist-packages|node_modules|\.venv|lib/python3[^/]*|lib64/python3[^/]*)/")

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_GROUP = re.compile(r"^\s*\| ")  # in front of every line of an ExceptionGroup's traceback

_PYTHON_FRAME = re.compile(r'^(?P<indent>\s*)File "(?P<file>[^"]+)", line (?P<line>\d+)')
_PYTHON_ERROR = re.compile(r"^[A-Za-z_][\w.]*(: .*)?$")

_NODE_PLACE = re.compile(r"^(?:file://)?(?P<file>/.+?):(?P<line>\d+)$")
_NODE_FRAME = re.compile(r"^\s+at (?:.*\()?(?:file://)?(?P<file>[^()\s]+):(?P<line>\d+):\d+\)?$")
_NODE_ERROR = re.compile(r"^(?:Uncaught )?(?P<name>[A-Z]\w*)(?: \[\w+\])?(?P<message>: .*)?$")
_NODE_IMPORTED = re.compile(r"imported from (?P<file>/.+)$")
_NODE_NEAR = 10
"""Lines between where it threw and the error: the source line, and a marker below it."""
_NODE_LINES = 50
"""Lines of an error, with the rest of its message and its stack."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """`place` is "file:line", with the file as seen from the service's folder where it lies there; or nothing."""

    error: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.error}" if self.place else self.error


@dataclass(frozen=True, slots=True)
class _Frame:
    file: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class _Error:
    """frames: from the one that a person looks at first to the last."""

    text: str
    frames: tuple[_Frame, ...]


def find(lines: Sequence[str], folders: Sequence[str]) -> Culprit | None:
    """The newest error that touches a file of the service's own, else the newest at all; None without any.

    folders: where the service's own code lies as the service sees it, the one that names are best told from first.
    """
    plain = [_GROUP.sub("", _COLOUR.sub("", line)) for line in lines[-LINES:]]
    found = [_culprit(error, folders) for error in (*_python(plain), *_node(plain))]
    return next((one for one in reversed(found) if one.place), found[-1] if found else None)


def _culprit(error: _Error, folders: Sequence[str]) -> Culprit:
    text = error.text if len(error.text) <= _LONGEST else f"{error.text[: _LONGEST - 1]}…"
    for frame in error.frames:
        if (name := _own_name(frame.file, folders)) is not None:
            return Culprit(text, f"{name}:{frame.line}" if frame.line else name)
    return Culprit(text)


def _own_name(file: str, folders: Sequence[str]) -> str | None:
    """None for a file that is not the service's own."""
    path = posixpath.normpath(file)
    if path.startswith("<") or ":" in path or _LIBRARIES.search(path):
        return None
    if not path.startswith("/"):
        return path
    for folder in folders:
        if path.startswith(f"{folder.rstrip('/')}/"):
            return path if folder == "/" else posixpath.relpath(path, folder)
    return None


# --- Python -------------------------------------------------------------------------------------------------------


def _python(lines: Sequence[str]) -> Iterator[_Error]:
    frames: list[_Frame] = []
    indent = 0
    for line in lines:
        if (frame := _PYTHON_FRAME.match(line)) is not None:
            frames.append(_Frame(frame["file"], int(frame["line"])))
            indent = max(0, len(frame["indent"]) - 2)
        elif frames and line.strip() and _indent(line) <= indent:
            if _PYTHON_ERROR.match(line.strip()):
                yield _Error(line.strip(), tuple(reversed(frames)))
            frames = []


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


# --- Node ---------------------------------------------------------------------------------------------------------


def _node(lines: Sequence[str]) -> Iterator[_Error]:
    thrown, since = None, 0
    for number, line in enumerate(lines):
        since += 1
        if (place := _NODE_PLACE.match(line)) is not None:
            thrown, since = _Frame(place["file"], int(place["line"])), 0
        elif (error := _NODE_ERROR.match(line)) is not None:
            stack = tuple(_stack(lines[number + 1 : number + 1 + _NODE_LINES]))
            near = thrown if since <= _NODE_NEAR else None
            if stack or near:
                yield _Error(f"{error['name']}{error['message'] or ''}", _node_frames(error, near, stack))
                thrown = None


def _node_frames(error: re.Match[str], thrown: _Frame | None, stack: tuple[_Frame, ...]) -> tuple[_Frame, ...]:
    """What can't be parsed has no frame of its own, and what can't be found may say only who wanted it."""
    place = (thrown,) if thrown else ()
    imported = _NODE_IMPORTED.search(error[0])
    wanted = (_Frame(imported["file"]),) if imported else ()
    return (*place, *stack) if error["name"] == "SyntaxError" else (*stack, *place, *wanted)


def _stack(lines: Sequence[str]) -> Iterator[_Frame]:
    """The frames that follow an error; before them may be more of its message."""
    began = False
    for line in lines:
        frame = _NODE_FRAME.match(line)
        if frame is not None:
            began = True
            yield _Frame(frame["file"], int(frame["line"]))
        elif began or _NODE_ERROR.match(line):
            return
