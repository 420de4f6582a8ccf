"""YAML text to a tree with positions. Bounded: depth, and the number of nodes that aliases and merges expand to.

Reads the parser's events with a stack of its own, so neither deep nesting nor aliases of aliases can exhaust Python's
stack or memory: an aliased node is shared, and only what it would expand to is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from sandbox.config import scalars
from sandbox.config.tree import Entries, Entry, Items, Node, Problems, Scalar, quoted
from sandbox.errors import Location

MAX_DEPTH = 64
MAX_NODES = 50_000
_MAX_DIRECTIVES = 10

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_MERGE_KEY = "<<"


class _Unusable(Exception):
    """The document can't be read further."""

    def __init__(self, location: Location, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.location, self.message, self.hint = location, message, hint


@dataclass(frozen=True, slots=True)
class _Sized:
    """A finished node, the number of nodes it expands to and its depth."""

    node: Node
    weight: int = 1
    depth: int = 1


@dataclass(slots=True)
class _Open:
    """A list or map that is being read."""

    location: Location
    anchor: str | None
    is_map: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    merges: list[_Sized] = field(default_factory=list)
    key: tuple[str, Location] | None = None
    weight: int = 1
    depth: int = 1


def parse(text: str, name: str, problems: Problems) -> Entries | None:
    """The document's root map, or None with the reason in `problems`. An empty document is an empty map."""
    try:
        return _Parser(name, problems).document(text)
    except _Unusable as error:
        problems.add(error.location, error.message, error.hint)
    except yaml.YAMLError as error:
        problems.add(_error_place(error, text, name), *_explain(error))
    return None


class _Parser:
    def __init__(self, name: str, problems: Problems) -> None:
        self._name = name
        self._problems = problems
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Sized | None] = {}  # None: begun and not finished
        self._weight = 0
        self._root: Node | None = None

    def document(self, text: str) -> Entries:
        start = Location(self._name, 1, 1)
        if len(re.findall(r"^%", text, re.MULTILINE)) > _MAX_DIRECTIVES:
            raise _Unusable(start, "has too many YAML directives", "take the lines out that start with %")
        for event in self._first_document(text):
            self._read(event)
        if self._root is None or (isinstance(self._root, Scalar) and self._root.value is None):
            return Entries(start, {})
        if not isinstance(self._root, Entries):
            raise _Unusable(self._root.location, "is not a map of keys and values", "start with `services:`")
        return self._root

    def _first_document(self, text: str) -> Iterator[Any]:
        documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise _Unusable(self._at(event), "has more than one document", "keep one, or pass each file with -f")
            yield event

    def _at(self, event: Any) -> Location:
        return Location(self._name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _read(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._aliased(event), self._at(event))
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()

    def _open(self, event: Any) -> None:
        location = self._at(event)
        is_map = isinstance(event, yaml.MappingStartEvent)
        if self._stack and self._stack[-1].is_map and self._stack[-1].key is None:
            raise _Unusable(location, "a key must be plain text", "quote it if it starts with [ or {")
        if len(self._stack) >= MAX_DEPTH:
            raise _Unusable(location, f"is nested deeper than {MAX_DEPTH} levels", "flatten it")
        self._count(1, location)
        self._refuse_tag(event.tag, location, ("map",) if is_map else ("seq",))
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(location, event.anchor, is_map))

    def _close(self) -> None:
        done = self._stack.pop()
        node: Node
        if done.is_map:
            node = Entries(done.location, self._with_merges(done))
        else:
            node = Items(done.location, tuple(done.items))
        self._finish(_Sized(node, done.weight, done.depth + 1), done.anchor)

    def _with_merges(self, done: _Open) -> dict[str, Entry]:
        """The map's own keys win over merged ones, and earlier merged maps over later ones."""
        merged = dict(done.entries)
        for source in done.merges:
            for entries in _merge_sources(source.node):
                self._count(len(entries.entries), done.location)
                for key, entry in entries.entries.items():
                    merged.setdefault(key, entry)
        return merged

    def _scalar(self, event: Any) -> None:
        location = self._at(event)
        self._count(1, location)
        text = event.value
        if not text.isascii() or "\0" in text:
            _refuse_characters(text, location)
        if self._stack and self._stack[-1].is_map and self._stack[-1].key is None:
            self._key(text, location)
            return
        self._refuse_tag(event.tag, location, ("str", "int", "float", "bool", "null"))
        is_text = event.tag in ("!", _CORE + "str") or (event.tag is None and not event.implicit[0])
        self._finish(_Sized(Scalar(location, text if is_text else scalars.resolve(text))), event.anchor)

    def _key(self, text: str, location: Location) -> None:
        frame = self._stack[-1]
        frame.key = (text, location)
        if text in frame.entries:
            first = frame.entries[text].key
            self._problems.add(
                location, f"{quoted(text)} is there twice, first in line {first.line}", "keep one of the two"
            )

    def _finish(self, sized: _Sized, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = sized
        self._add(sized, sized.node.location)

    def _aliased(self, event: Any) -> _Sized:
        if event.anchor not in self._anchors:
            raise _Unusable(self._at(event), f"*{event.anchor} has no anchor &{event.anchor} above it", "define it")
        found = self._anchors[event.anchor]
        if found is None:
            raise _Unusable(self._at(event), f"*{event.anchor} is inside what it stands for", "take it out")
        self._count(found.weight, self._at(event))
        return found

    def _add(self, sized: _Sized, location: Location) -> None:
        if not self._stack:
            self._root = sized.node
            return
        frame = self._stack[-1]
        frame.weight += sized.weight
        frame.depth = max(frame.depth, sized.depth)
        if len(self._stack) + sized.depth > MAX_DEPTH + 1:
            raise _Unusable(location, f"is nested deeper than {MAX_DEPTH} levels", "flatten it")
        if frame.is_map:
            self._add_value(frame, sized, location)
        else:
            frame.items.append(sized.node)

    def _add_value(self, frame: _Open, sized: _Sized, location: Location) -> None:
        if frame.key is None:
            if not isinstance(sized.node, Scalar):
                raise _Unusable(location, "a key must be plain text", "write the key itself instead of an alias")
            self._key(str(sized.node.value), location)
            return
        (key, key_location), frame.key = frame.key, None
        if key == _MERGE_KEY:
            if not _can_merge(sized.node):
                raise _Unusable(location, "<< takes a map or a list of maps", "use an alias of a map, such as *common")
            frame.merges.append(sized)
        else:
            frame.entries[key] = Entry(key_location, sized.node)

    def _count(self, nodes: int, location: Location) -> None:
        self._weight += nodes
        if self._weight > MAX_NODES:
            raise _Unusable(location, f"expands to more than {MAX_NODES} values", "use fewer values or aliases")

    def _refuse_tag(self, tag: str | None, location: Location, allowed: tuple[str, ...]) -> None:
        if tag is None or tag == "!" or tag.removeprefix(_CORE) in allowed:
            return
        raise _Unusable(location, f"the tag {quoted(tag.replace(_CORE, '!!'))} is not supported", "take the tag out")


def _can_merge(node: Node) -> bool:
    if isinstance(node, Items):
        return all(isinstance(item, Entries) for item in node.items)
    return isinstance(node, Entries)


def _merge_sources(node: Node) -> Iterator[Entries]:
    for item in node.items if isinstance(node, Items) else (node,):
        if isinstance(item, Entries):
            yield item


def _refuse_characters(text: str, location: Location) -> None:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise _Unusable(location, "has a character that is not text (NUL or half a surrogate pair)", "take it out")


def _error_place(error: yaml.YAMLError, text: str, name: str) -> Location:
    mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if opened is not None and (mark is None or mark.line >= len(text.splitlines())):
        mark = opened  # at the end of the text: show what is still open
    lines = text.splitlines()
    if mark is not None and lines and mark.line >= len(lines):
        return Location(name, len(lines), len(lines[-1]) + 1)
    if mark is not None:
        return Location(name, mark.line + 1, mark.column + 1)
    position = getattr(error, "position", None)
    if isinstance(position, int):
        before = text[:position]
        return Location(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
    return Location(name)


_HINTS = {
    "cannot start any token": "indent with spaces, not tabs, and quote text that starts with @, ` or %",
    "mapping values are not allowed": "check the indentation, or quote the text that has a colon in it",
    "could not find expected ':'": "put `: ` after the key, or check the indentation",
    "did not find expected key": "check the indentation and the brackets of the lines above",
    "did not find expected ',' or": "close the bracket, and put commas between its items",
    "did not find expected '-'": "check the indentation of the list",
    "expected node content": "close the bracket, or quote the text",
    "control characters": "take the character out",
    "not allowed": "take the character out",
    "end of stream": "close the quote or bracket",
    "alias": "quote text that starts with *",
}


def _explain(error: yaml.YAMLError) -> tuple[str, str]:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    hint = next((hint for part, hint in _HINTS.items() if part in str(problem)), "check the line and the one above it")
    return f"is not valid YAML: {problem}", hint
