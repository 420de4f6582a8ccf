"""The smallest changes of a text that make a map in it say something else.

Three things are walked together: the node as it is written, the document that it says (`old`) and the one it should
say (`new`), both in canonical words. What is the same in both stays as it is written, in whatever form that is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import yaml

from sandbox.config.save.rendered import Layout

Map = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    start: int
    end: int
    text: str


@dataclass(slots=True)
class Editor:
    text: str
    layout: Layout
    edits: list[Edit] = field(default_factory=list)

    def change(self, key: yaml.Node | None, node: yaml.Node, old: Any, new: Any, *, in_flow: bool = False) -> None:
        """key: of the entry whose value the node is; None for an item of a list, and for the whole text."""
        if old == new:
            return
        if isinstance(node, yaml.MappingNode) and _can_be_changed(node, old, new):
            self._change_map(node, old, new)
        elif isinstance(node, yaml.SequenceNode) and _can_list_be_changed(node, old, new):
            self._change_list(node, old, new)
        else:
            self._replace(key, node, new, in_flow=in_flow)

    def result(self) -> str:
        """The text with the changes. Raises ValueError when one is in another."""
        parts: list[str] = []
        position = 0
        for edit in sorted(self.edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < position:
                raise ValueError("two changes of the same place")
            parts += [self.text[position : edit.start], edit.text]
            position = edit.end
        return "".join([*parts, self.text[position:]])

    # --- maps ---------------------------------------------------------------------------------------------------------

    def _change_map(self, node: yaml.MappingNode, old: Map, new: Map) -> None:
        entries = {key.value: (key, value) for key, value in node.value}
        added: dict[str, Map] = {}
        before = [name for name in entries if name in new or name not in old][-1]
        for name, value in new.items():
            if name in entries:
                before = name
                self.change(*entries[name], old.get(name), value, in_flow=bool(node.flow_style))
            else:
                added.setdefault(before, {})[name] = value
        gone = {name for name in old if name not in new}
        self._delete_entries(node, [name in gone for name in entries])
        for place, values in added.items():
            self._add(node, entries[place][1], values)

    def _add(self, node: yaml.MappingNode, after: yaml.Node, values: Map) -> None:
        if node.flow_style:
            self._insert(self._end(after), "".join(f", {self.layout.flow({k: v})[1:-1]}" for k, v in values.items()))
            return
        column = node.value[0][0].start_mark.column
        new_line = f"{self.layout.line_end * (1 if column else 2)}{' ' * column}"
        lines = (f"{new_line}{self._entry(name, value, column)}" for name, value in values.items())
        self._insert(self._line_end(self._end(after)), "".join(lines))

    def _entry(self, name: str, value: Any, column: int) -> str:
        label = self.layout.flow(name)
        if self.layout.fits(value, column + len(label) + 2):
            return f"{label}: {self.layout.flow(value)}"
        return self.layout.block({name: value}, column)

    def _delete_entries(self, node: yaml.MappingNode, is_gone: Sequence[bool]) -> None:
        """Of a block; at least one stays. Those on the line of a dash make room for the first one that stays."""
        keys = [key.start_mark.index for key, _ in node.value]
        begin = 0
        if is_gone[0] and self.text[self._line_start(keys[0]) : keys[0]].strip():
            begin = is_gone.index(False)
            self.edits.append(Edit(keys[0], keys[begin], ""))
        for index in range(begin, len(keys)):
            if is_gone[index]:
                self._delete_lines(keys[index], self._end(node.value[index][1]))

    # --- lists --------------------------------------------------------------------------------------------------------

    def _change_list(self, node: yaml.SequenceNode, old: list[Any], new: list[Any]) -> None:
        matcher = SequenceMatcher(None, [_word(item) for item in old], [_word(item) for item in new], autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag == "equal":
                continue
            same = min(i2 - i1, j2 - j1)
            for offset in range(same):
                item = node.value[i1 + offset]
                self.change(None, item, old[i1 + offset], new[j1 + offset], in_flow=bool(node.flow_style))
            for index in range(i1 + same, i2):
                item = node.value[index]
                self._delete_lines(self.text.rindex("-", 0, item.start_mark.index), self._end(item))
            self._add_items(node, i1 + same, new[j1 + same : j2])

    def _add_items(self, node: yaml.SequenceNode, index: int, items: Sequence[Any]) -> None:
        """To a block, before the item that is at `index`."""
        column = node.start_mark.column
        for item in items:
            text = f"- {self.layout.block(item, column + 2)}"
            new_line = f"{self.layout.line_end}{' ' * column}"
            if index:
                self._insert(self._line_end(self._end(node.value[index - 1])), f"{new_line}{text}")
            else:
                self._insert(node.start_mark.index, f"{text}{new_line}")

    # --- both ---------------------------------------------------------------------------------------------------------

    def _replace(self, key: yaml.Node | None, node: yaml.Node, new: Any, *, in_flow: bool) -> None:
        start, end = node.start_mark.index, self._end(node)
        if in_flow or (not _is_block(node) and self.layout.fits(new, node.start_mark.column)):
            gap = " " if start == end else ""  # `key:` without a value
            self.edits.append(Edit(start, end, gap + self.layout.flow(new)))
        elif key is None or (_is_block(node) and new and isinstance(new, dict | list)):
            self.edits.append(Edit(start, end, self.layout.block(new, node.start_mark.column)))
        else:
            self._replace_entry(key, end, new)

    def _replace_entry(self, key: yaml.Node, end: int, new: Any) -> None:
        """A comment behind a value stays in its line, behind the key."""
        head, line_end, rest = self._entry(key.value, new, key.start_mark.column).partition(self.layout.line_end)
        last = self._line_end(end)
        comment = self.text[end:last] if line_end else ""
        self.edits.append(Edit(key.start_mark.index, last if comment else end, f"{head}{comment}{line_end}{rest}"))

    def _delete_lines(self, start: int, end: int) -> None:
        end = self.text.find("\n", end) + 1 or len(self.text)
        self.edits.append(Edit(self._after_gap(self._line_start(start), end), end, ""))

    def _insert(self, at: int, text: str) -> None:
        self.edits.append(Edit(at, at, text))

    # --- where things are -----------------------------------------------------------------------------------------

    def _end(self, node: yaml.Node) -> int:
        """Behind the last character of what the node says; what follows is comments and white space."""
        if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        end = node.end_mark.index
        return len(self.text[:end].rstrip()) if getattr(node, "style", None) in ("|", ">") else end

    def _line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _after_gap(self, start: int, end: int) -> int:
        """`start`, or before the empty line above it, where an empty line or nothing follows `end`."""
        above = self.text.rfind("\n", 0, max(0, start - 1)) + 1
        alone = self.text[end:].split("\n", 1)[0].strip() == ""
        return above if alone and 0 < above < start and not self.text[above:start].strip() else start

    def _line_end(self, at: int) -> int:
        """Before the end of the line, behind a comment."""
        end = self.text.find("\n", at)
        end = len(self.text) if end < 0 else end
        return end - 1 if self.text[end - 1 : end] == "\r" and end > at else end


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style


def _can_be_changed(node: yaml.MappingNode, old: Any, new: Any) -> bool:
    """Whether what differs can be changed key by key: the keys are written as canonical words have them, one of them
    stays, and in a map on one line none goes."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    names = [key.value for key, _ in node.value]
    stays = any(name in new or name not in old for name in names)
    goes = any(name not in new for name in old)
    return stays and all(name in names for name in old) and not (node.flow_style and goes)


def _can_list_be_changed(node: yaml.SequenceNode, old: Any, new: Any) -> bool:
    if not isinstance(old, list) or not isinstance(new, list) or not new or len(node.value) != len(old):
        return False
    return not node.flow_style or len(new) == len(old)


def _word(item: Any) -> str:
    return json.dumps(item, sort_keys=True)
