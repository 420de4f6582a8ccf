"""A single line in a tone."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from sandbox.tui.palette import TONE_CLASSES, TONE_CSS, tone_style
from sandbox.tui.words import Tone


class Line(Widget):
    """Shows `said`, cut where it is too long.

    With class `-fleeting` it takes no room when empty, with `-wrapping` two more lines where it needs them.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONE_CLASSES)
    DEFAULT_CSS = f"""
    Line {{
        height: 1;
        padding: 0 1;
        &.-wrapping {{ height: auto; max-height: 3; }}
        {TONE_CSS}
    }}
    """

    said: reactive[tuple[str, Tone]] = reactive(("", Tone.PLAIN), layout=True)

    def watch_said(self, said: tuple[str, Tone]) -> None:
        if self.has_class("-fleeting"):
            self.display = bool(said[0])

    def render(self) -> RenderResult:
        text, tone = self.said
        wraps = self.has_class("-wrapping")
        return Text(
            text or " ", style=tone_style(self, tone), no_wrap=not wraps, overflow="fold" if wraps else "ellipsis"
        )
