"""`.env` and `env_file`: lines of NAME=value, as Compose reads them.

`#` begins a comment at the start of a line or after a space; `export ` is allowed; values in single quotes are taken as
they are, in double quotes `\\n \\t \\" \\\\ \\$` are escapes; without single quotes `${VAR}` is replaced by the
environment's or an earlier line's value. Quoted values may span lines.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping

from sandbox.config.interpolate import InterpolationError, Interpolator
from sandbox.config.tree import Problems, quoted
from sandbox.errors import Location

_BLANK = re.compile(r"(?:[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z))+")
_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([^\s=#'\"]+)[ \t]*", re.ASCII)
_SINGLE = re.compile(r"'([^']*)'[ \t]*(?:#[^\n]*)?")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]*(?:#[^\n]*)?', re.DOTALL)
_BARE = re.compile(r"((?:(?!\s#)[^\n])*)[^\n]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "$": "$$"}


def parse_env_file(
    text: str, name: str, environment: Mapping[str, str], problems: Problems
) -> dict[str, tuple[str | None, Location]]:
    """Values by name with the place of each line; None where a name stands alone. The last of two lines wins."""
    found: dict[str, tuple[str | None, Location]] = {}
    known: dict[str, str] = {}
    interpolator = Interpolator(ChainMap(known, dict(environment)))
    position = line = 0
    while position < len(text):
        start = _BLANK.match(text, position)
        line += text.count("\n", position, start.end() if start else position)
        position = start.end() if start else position
        if position >= len(text):
            break
        location = Location(name, line + 1, 1)
        try:
            key, value, end = _assignment(text, position, interpolator)
            found[key] = (value, location)
            if value is not None:
                known[key] = value
        except InterpolationError as error:
            problems.add(location, error.message, error.hint)
            end = _end_of_line(text, position)
        line += text.count("\n", position, end)
        position = end
    return found


def _assignment(text: str, position: int, interpolator: Interpolator) -> tuple[str, str | None, int]:
    match = _NAME.match(text, position)
    after = match.end() if match else position
    if match is None or (after < len(text) and text[after] not in "=\r\n"):
        line = text[position : _end_of_line(text, position)]
        raise InterpolationError(f"is not NAME=value: {quoted(line[:20])}", "correct the line, or begin it with #")
    if after >= len(text) or text[after] != "=":
        return match[1], None, _end_of_line(text, position)
    value, end = _value(text, after + 1, interpolator)
    return match[1], value, end


def _value(text: str, position: int, interpolator: Interpolator) -> tuple[str, int]:
    while position < len(text) and text[position] in " \t":
        position += 1
    if single := _closed(_SINGLE, text, position):
        return single[1], single.end()
    if double := _closed(_DOUBLE, text, position):
        unescaped = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), double[1], flags=re.DOTALL)
        return interpolator.text(_lenient(unescaped)), double.end()
    if text[position : position + 1] in ("'", '"'):
        raise InterpolationError("has a quote that is not closed, or text after it", "close the quote")
    bare = _BARE.match(text, position)
    assert bare is not None
    return interpolator.text(_lenient(bare[1].strip())), bare.end()


def _closed(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str] | None:
    match = pattern.match(text, position)
    return match if match and text[match.end() : match.end() + 1] in ("", "\n", "\r") else None


def _lenient(value: str) -> str:
    """A dollar sign that begins no name stands for itself: these files hold passwords."""
    return re.sub(r"\$\$|\$(?![A-Za-z_{])", "$$", value)


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
