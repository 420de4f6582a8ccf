"""A share between 0 and 100 %, moved with arrows, typed with digits, or set with the mouse."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

_NAME = 14
_NUMBER = 7


class Slider(Widget, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "less", show=False),
        Binding("right,l", "move(1)", "more", show=False),
        Binding("shift+left,pagedown", "move(-10)", "much less", show=False),
        Binding("shift+right,pageup", "move(10)", "much more", show=False),
        Binding("home", "move(-100)", "nothing", show=False),
        Binding("end", "move(100)", "all", show=False),
        Binding("backspace", "erase", "erase", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"slider--filled"}
    DEFAULT_CSS = """
    Slider {
        height: 1;
        & > .slider--filled { color: $success; }
        &:focus { background: $primary 30%; text-style: bold; }
    }
    """

    value: reactive[int] = reactive(0)

    class Changed(Message):
        """By the person."""

        def __init__(self, name: str, value: int) -> None:
            super().__init__()
            self.name = name
            self.value = value

    def __init__(self, label: str, value: int) -> None:
        super().__init__()
        self.label = label
        self._typed = ""
        self.set_reactive(Slider.value, value)

    @property
    def _room(self) -> int:
        return max(4, self.size.width - _NAME - _NUMBER)

    def render(self) -> RenderResult:
        filled = round(self.value / 100 * self._room)
        text = Text(f"{'▸' if self.has_focus else ' '}{self.label[: _NAME - 2]:<{_NAME - 1}}", no_wrap=True)
        text.append("█" * filled, style=self.get_component_rich_style("slider--filled", partial=True))
        text.append("░" * (self._room - filled))
        return text.append(f" {self.value:>4} %")

    def _set(self, value: int) -> None:
        value = min(max(value, 0), 100)
        if value != self.value:
            self.post_message(self.Changed(self.label, value))

    def action_move(self, by: int) -> None:
        self._typed = ""
        self._set(self.value + by)

    def action_erase(self) -> None:
        self._typed = self._typed[:-1]
        self._set(int(self._typed or 0))

    def on_key(self, event: events.Key) -> None:
        if event.character and event.character.isascii() and event.character.isdigit():
            event.stop()
            self._typed = (self._typed + event.character)[-3:]
            if int(self._typed) > 100:
                self._typed = event.character
            self._set(int(self._typed))

    def on_blur(self) -> None:
        self._typed = ""

    def on_click(self, event: events.Click) -> None:
        self._set(round((event.x - _NAME) / max(1, self._room - 1) * 100))
