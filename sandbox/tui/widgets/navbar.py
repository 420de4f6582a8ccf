"""Where one can go, and where one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from sandbox.tui.places import tabs


class NavBar(Widget):
    """current: the name of a place. counts: shown behind the names of places."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"nav--here"}
    DEFAULT_CSS = """
    NavBar {
        height: 1;
        color: $text-muted;
        background: $panel;
        & > .nav--here { color: $foreground; text-style: bold reverse; }
    }
    """

    counts: reactive[Mapping[str, int]] = reactive(dict)

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def render(self) -> RenderResult:
        text = Text(no_wrap=True)
        for tab in tabs(self._current, self.counts, self.size.width):
            here = tab.place == self._current
            text.append(tab.text, style=self.get_component_rich_style("nav--here", partial=True) if here else "")
        return text

    async def on_click(self, event: events.Click) -> None:
        for tab in tabs(self._current, self.counts, self.size.width):
            if tab.column <= event.x < tab.column + len(tab.text):
                await self.run_action(f"app.go({tab.place!r})")
