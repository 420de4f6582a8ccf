"""A YAML document as immutable nodes that know where they were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.errors import Location, Problem
from sandbox.model import Template


class WrittenInt(int):
    """An integer and how it was written: 0755 as a variable's value has to stay 0755."""

    written: str


class WrittenFloat(float):
    """A number and how it was written: 1.10 as a variable's value has to stay 1.10."""

    written: str


Value = str | int | float | bool | None | Template


@dataclass(frozen=True, slots=True)
class Scalar:
    location: Location
    value: Value


@dataclass(frozen=True, slots=True)
class Items:
    location: Location
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    key: Location
    node: Node


@dataclass(frozen=True, slots=True)
class Entries:
    location: Location
    entries: Mapping[str, Entry]

    def get(self, key: str) -> Node | None:
        entry = self.entries.get(key)
        return entry.node if entry else None

    def with_node(self, key: str, node: Node) -> Entries:
        """The same with another node at a key that is there."""
        return Entries(self.location, {**self.entries, key: Entry(self.entries[key].key, node)})


Node = Scalar | Items | Entries
Path = Sequence[str | int]


def plain(node: Node) -> Any:
    """The node as dicts, lists and scalars."""
    if isinstance(node, Entries):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.value


def find(root: Node, path: Path) -> Node | None:
    node: Node | None = root
    for step in path:
        if node is None:
            return None
        node = _child(node, step)
    return node


def place(root: Node, path: Path) -> Location:
    """Where the value at `path` is written, or the nearest thing around it that is."""
    node = root
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        node = found
    return node.location


def key_place(root: Node, path: Path) -> Location:
    """Where the key at the end of `path` is written; the value when it is an item of a list."""
    node = root
    location = root.location
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        location = node.entries[str(step)].key if isinstance(node, Entries) else found.location
        node = found
    return location


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node, Entries):
        return node.get(str(step))
    if isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def change(node: Node, path: Sequence[str], function: Callable[[Node], Node]) -> Node:
    """The tree with `function` applied to every node at `path`, in which `*` stands for every key or item."""
    if not path:
        return function(node)
    step, rest = path[0], path[1:]
    if isinstance(node, Items) and step == "*":
        return Items(node.location, tuple(change(item, rest, function) for item in node.items))
    if isinstance(node, Entries):
        return _with_changes(node, step, rest, function)
    return node


def _with_changes(node: Entries, step: str, rest: Sequence[str], function: Callable[[Node], Node]) -> Entries:
    keys = node.entries if step == "*" else [step] if step in node.entries else []
    changed = {}
    for key in keys:
        entry = node.entries[key]
        after = change(entry.node, rest, function)
        if after is not entry.node:
            changed[key] = Entry(entry.key, after)
    return Entries(node.location, {**node.entries, **changed}) if changed else node


class Problems:
    """Collects what is wrong, each thing once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Location, str], Problem] = {}

    def add(self, location: Location, message: str, hint: str = "") -> None:
        problem = Problem(location, one_line(message), one_line(hint))
        self._found.setdefault((location, problem.message), problem)

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def all(self) -> list[Problem]:
        return list(self._found.values())


_LONGEST = 300


def one_line(text: str) -> str:
    """The text on one line without control characters, cut where it gets too long to read."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * _LONGEST]).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def quoted(value: str) -> str:
    """A value in a message: in quotes, and short."""
    line = one_line(value)
    return f'"{line[:59]}…"' if len(line) > 60 else f'"{line}"'
