"""More about what is chosen above it: a few lines that wrap and scroll."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.markup import escape
from textual.widgets import Static

from sandbox.tui.palette import TONE_CLASSES, TONE_CSS, tone_style
from sandbox.tui.words import Tone

Said = tuple[str, Tone]


class Detail(VerticalScroll):
    """Takes the room that is left when it has class `-fills`, else as little as it needs."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(TONE_CLASSES)
    DEFAULT_CSS = f"""
    Detail {{
        height: auto;
        max-height: 40%;
        padding: 0 1;
        border-top: solid $panel-lighten-2;
        border-title-color: $text-muted;
        &.-fills {{ height: 1fr; max-height: 100%; }}
        &:focus {{ border-top: solid $primary; }}
        {TONE_CSS}
    }}
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._title = ""
        self._said: tuple[Said, ...] = ()
        self.can_focus = False

    def compose(self) -> ComposeResult:
        yield Static(id="text")

    def say(self, title: str, lines: Sequence[Said]) -> None:
        if title != self._title:  # what is set is drawn anew
            self._title = title
            self.border_title = f" {escape(title)} " if title else ""  # a host outside may be called anything
        if tuple(lines) != self._said:
            self._said = tuple(lines)
            self.query_one("#text", Static).update(self._text())

    def _text(self) -> Text:
        parts = [Text(text, style=tone_style(self, tone)) for text, tone in self._said]
        return Text("\n").join(parts) if parts else Text("")
