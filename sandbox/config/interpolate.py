"""`${VAR}` as Compose has it, and `${services.NAME.url}`.

`$VAR` `${VAR}` `${VAR:-default}` `${VAR-default}` `${VAR:?message}` `${VAR?message}` `${VAR:+other}` `${VAR+other}`,
and `$$` for a dollar sign. With a colon an empty value counts as unset. Defaults may hold references again. Unlike in
Compose, a variable that is unset and has no default is an error, not an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from sandbox.config.tree import Entries, Entry, Items, Node, Problems, Scalar, quoted
from sandbox.errors import Location
from sandbox.model import CalleeRef, Template

ATTRIBUTES = ("url", "host", "port")
MAX_TEXT = 4 * 1024 * 1024
"""All expanded text of one load together; variables of variables could multiply without end."""

_MAX_NESTING = 10
_START = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|(\{))", re.ASCII)
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?", re.ASCII)
_GIVEN = re.compile(r"PORT(_[0-9]+)?|HOST|SANDBOX_[A-Z]+|[A-Z0-9_]+_(URL|HOST|PORT)", re.ASCII)

Part = str | CalleeRef


class InterpolationError(Exception):
    """A reference that can't be replaced."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Interpolator:
    """Replaces references by values of `environment`, up to MAX_TEXT characters in its lifetime."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._room = MAX_TEXT

    def parts(self, text: str) -> tuple[Part, ...]:
        """The text in pieces, with references to services left open. Raises InterpolationError."""
        parts = _joined(self._pieces(text, 0))
        self._room -= sum(len(part) for part in parts if isinstance(part, str))
        if self._room < 0:
            raise InterpolationError(f"variables expand to more than {MAX_TEXT >> 20} MiB", "use shorter values")
        return parts

    def text(self, text: str) -> str:
        """As `parts`, where services can't be referred to."""
        parts = self.parts(text)
        if any(isinstance(part, CalleeRef) for part in parts):
            raise InterpolationError("${services.…} can't be used here", "use it in a value of environment")
        return "".join(part for part in parts if isinstance(part, str))

    def _pieces(self, text: str, nesting: int) -> Iterator[Part]:
        if nesting > _MAX_NESTING:
            raise InterpolationError(f"has ${{…}} nested deeper than {_MAX_NESTING} levels", "use fewer defaults")
        position = 0
        while (dollar := text.find("$", position)) >= 0:
            yield text[position:dollar]
            match = _START.match(text, dollar)
            if match is None:
                raise InterpolationError(
                    f"has a $ that begins no variable: {quoted(text[dollar:])}", "write $$ for a $"
                )
            position = match.end()
            if match[1]:
                yield "$"
            elif match[2]:
                yield self._value(match[2])
            else:
                end = _closing_brace(text, position)
                yield from self._braced(text[position:end], nesting)
                position = end + 1
        yield text[position:]

    def _braced(self, inner: str, nesting: int) -> Iterator[Part]:
        if inner.startswith("services."):
            yield _callee(inner)
            return
        match = _NAME.match(inner)
        if match is None or (match[2] is None and match.end() != len(inner)):
            raise InterpolationError(
                f"{quoted('${' + inner + '}')} is no variable", "write ${NAME} or ${NAME:-default}"
            )
        name, operator, rest = match[1], match[2] or "", inner[match.end() :]
        value = self._environment.get(name)
        is_set = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            yield from self._pieces(rest, nesting + 1) if is_set else ()
        elif is_set or not operator:
            yield self._value(name)
        elif operator.endswith("-"):
            yield from self._pieces(rest, nesting + 1)
        else:
            wanted = self.text(rest) or "it has to be set"
            raise InterpolationError(f"{name} is not set: {wanted}", f"set {name}, or put it into .env")

    def _value(self, name: str) -> str:
        value = self._environment.get(name)
        if value is None:
            raise InterpolationError(f"the variable {name} is not set", _unset_hint(name))
        if not value.isprintable() and any("\ud800" <= char <= "\udfff" or char == "\0" for char in value):
            raise InterpolationError(f"the variable {name} is not UTF-8 text", f"set {name} to other text")
        return value


def _unset_hint(name: str) -> str:
    if _GIVEN.fullmatch(name):
        return (
            f"for the variable that each instance is given, write $${name}; else set it, or write ${{{name}:-default}}"
        )
    return f"set it, put it into .env, or write ${{{name}:-default}}"


def _closing_brace(text: str, position: int) -> int:
    depth = 1
    for match in re.compile(r"\$\{|\}").finditer(text, position):
        depth += 1 if match[0] == "${" else -1
        if depth == 0:
            return match.start()
    raise InterpolationError("has a ${ without its }", "close it, or write $$ for a $")


def _callee(inner: str) -> CalleeRef:
    name, _, attribute = inner.removeprefix("services.").rpartition(".")
    if not name or attribute not in ATTRIBUTES:
        near = get_close_matches(attribute, ATTRIBUTES, n=1)
        wanted = near[0] if near else "|".join(ATTRIBUTES)
        service = name or attribute or "NAME"
        raise InterpolationError(
            f"{quoted('${' + inner + '}')} is no address", f"write ${{services.{service}.{wanted}}}"
        )
    return CalleeRef(service=name, attribute=attribute)


def _joined(pieces: Iterator[Part]) -> tuple[Part, ...]:
    """Neighbouring texts as one, and empty ones gone."""
    joined: list[Part] = []
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
            continue
        joined += ["".join(texts), piece]
        texts = []
    joined.append("".join(texts))
    return tuple(part for part in joined if part != "")


def interpolate(root: Entries, environment: Mapping[str, str], problems: Problems) -> Entries:
    """The tree with every reference in its values replaced. Keys, and what is under `x-…`, stay as they are."""
    interpolated = _Walk(Interpolator(environment), problems).node(root)
    assert isinstance(interpolated, Entries)
    return interpolated


class _Walk:
    def __init__(self, interpolator: Interpolator, problems: Problems) -> None:
        self._interpolator = interpolator
        self._problems = problems

    def node(self, node: Node) -> Node:
        if isinstance(node, Entries):
            return Entries(node.location, {key: self._entry(key, entry) for key, entry in node.entries.items()})
        if isinstance(node, Items):
            return Items(node.location, tuple(self.node(item) for item in node.items))
        if isinstance(node.value, str) and "$" in node.value:
            return self._scalar(node.location, node.value)
        return node

    def _entry(self, key: str, entry: Entry) -> Entry:
        return entry if key.startswith("x-") else Entry(entry.key, self.node(entry.node))

    def _scalar(self, location: Location, text: str) -> Node:
        try:
            parts = self._interpolator.parts(text)
        except InterpolationError as error:
            self._problems.add(location, error.message, error.hint)
            return Scalar(location, text)
        if any(isinstance(part, CalleeRef) for part in parts):
            return Scalar(location, Template(parts))
        return Scalar(location, "".join(part for part in parts if isinstance(part, str)))
