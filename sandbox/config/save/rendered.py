"""Values as YAML text, in the layout of the file around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.config.yamltext import Dumper

_WIDEST = 110
"""Columns up to which a value stays on one line."""


class _Indented(Dumper):
    """Lists in maps are indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written: its line ends, and whether lists in maps are indented."""

    line_end: str = "\n"
    indents_lists: bool = True

    def flow(self, value: Any) -> str:
        """On one line."""
        text = self._dump(value, flow_style=True)
        return text.removesuffix("...\n").rstrip("\n")

    def block(self, value: Any, indent: int) -> str:
        """On lines of their own, of which the first begins where the caller stands; innermost lists and maps on one."""
        lines = self._dump(value, flow_style=None).rstrip("\n").split("\n")
        return f"{self.line_end}{' ' * indent}".join(lines)

    def fits(self, value: Any, column: int) -> bool:
        """Whether the value is well read on one line: nothing nested twice, and not too wide."""
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        is_flat = not any(isinstance(item, dict | list) and item for item in inner)
        return is_flat and column + len(self.flow(value)) <= _WIDEST

    def _dump(self, value: Any, flow_style: bool | None) -> str:
        dumper = _Indented if self.indents_lists else Dumper
        options: dict[str, Any] = {"default_flow_style": flow_style, "width": float("inf"), "allow_unicode": True}
        return str(yaml.dump(value, Dumper=dumper, sort_keys=False, **options))
