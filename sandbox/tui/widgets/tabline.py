"""The parts of a page, one of which is in sight."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class TabLine(Widget):
    """current: the name of the part in sight."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tab--here"}
    DEFAULT_CSS = """
    TabLine {
        height: 1;
        padding: 0 1;
        color: $text-muted;
        & > .tab--here { color: $foreground; text-style: bold underline; }
    }
    """

    current: reactive[str] = reactive("")

    class Changed(Message):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names
        self.set_reactive(TabLine.current, names[0])

    def watch_current(self, name: str) -> None:
        self.post_message(self.Changed(name))

    def turn(self, by: int) -> None:
        self.current = self._names[(self._names.index(self.current) + by) % len(self._names)]

    def render(self) -> RenderResult:
        text = Text(no_wrap=True)
        for name in self._names:
            here = name == self.current
            text.append(name, style=self.get_component_rich_style("tab--here", partial=True) if here else "")
            text.append("  ")
        return text

    def on_click(self, event: events.Click) -> None:
        column = 1
        for name in self._names:
            if column <= event.x < column + len(name):
                self.current = name
            column += len(name) + 2
