"""The log of the selected service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sandbox.control import LogLine
from sandbox.tui.logview import LogView
from sandbox.tui.words import clock

_ROOM_FOR_TIMES = 100
_TAB = 4
_WHEEL = 3


class LogPane(ScrollView, can_focus=True):
    """Follows until the reader moves up. Lines are laid out only when they are looked at, so a flood costs little.

    source: what the lines are of, shown in the border. names: whether lines begin with their instance.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "move(-9999999)", "Oldest", show=False),
        Binding("end,G", "follow", "Follow", show=False),
        Binding("left", "sideways(-16)", "Left", show=False),
        Binding("right", "sideways(16)", "Right", show=False),
        Binding("escape", "leave", "Back", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--cursor", "log--margin"}
    DEFAULT_CSS = """
    LogPane {
        height: 1fr;
        min-height: 3;
        border-top: solid $panel-lighten-2;
        border-title-color: $text-muted;
        scrollbar-size: 0 0;
        & > .log--cursor { background: $primary 40%; }
        & > .log--margin { color: $text-muted; }
        &:focus { border-top: solid $primary; border-title-color: $text; border-title-style: bold; }
    }
    """

    source: reactive[str] = reactive("")
    names: reactive[bool] = reactive(False)

    class Left(Message):
        """The reader is done here."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = LogView()
        self.empty = ""
        self._shift = 0

    @property
    def line(self) -> LogLine | None:
        """The line under the cursor, which is the newest one while following."""
        return self.view.line(self.view.cursor)

    # --- what changes -------------------------------------------------------------------------------------------

    def show(self, lines: Iterable[LogLine]) -> None:
        """Add new lines at the end."""
        gone = self.view.extend(lines)
        self._moved(-gone)

    def clear(self, empty: str = "") -> None:
        """Forget all lines; `empty` is shown until there is one."""
        self.view.clear()
        self.empty = empty
        self._shift = 0
        self._moved()

    def watch_source(self) -> None:
        self._tell_place()

    def _moved(self, by: int = 0) -> None:
        """Keep the same lines in sight after the first `-by` are gone, or the newest while following."""
        self.virtual_size = Size(self.size.width, len(self.view))
        top = len(self.view) if self.view.following else self._top(int(self.scroll_offset.y) + by)
        self.scroll_to(y=top, animate=False, force=True, immediate=True)
        self._tell_place()
        self.refresh()

    def _top(self, top: int) -> int:
        """Nearest to `top` that has the cursor in sight."""
        place = self.view.cursor - self.view.first
        return min(max(top, place - self.size.height + 1), place)

    def _tell_place(self) -> None:
        what = f"log · {self.source}" if self.source else "log"
        new = f", {self.view.unseen} new below" if self.view.unseen else ""
        self.border_title = f" {what} " if self.view.following else f" {what} · paused{new}: end to follow "

    def on_resize(self) -> None:
        self._moved()

    # --- what is drawn ------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        number = self.view.first + int(self.scroll_offset.y) + y
        line = self.view.line(number)
        if line is None:
            text = self.empty if y == 0 and not len(self.view) else ""
            return Strip([Segment(f" {text}", base + self._margin)]).adjust_cell_length(self.size.width, base)
        marked = self.has_focus and not self.view.following and number == self.view.cursor
        if marked:
            base = self.get_component_rich_style("log--cursor")
        margin = [Segment("▸" if marked else " ", base), Segment(self._before(line), base + self._margin)]
        return Strip([*margin, *self._segments(line, base)]).adjust_cell_length(self.size.width, base)

    @property
    def _margin(self) -> Style:
        return self.get_component_rich_style("log--margin", partial=True)

    def _before(self, line: LogLine) -> str:
        time = f"{clock(line.at)} " if self.size.width >= _ROOM_FOR_TIMES else ""
        name = f"{line.instance.removeprefix(f'{line.service}-')} " if self.names else ""
        return time + name

    def _segments(self, line: LogLine, base: Style) -> Iterable[Segment]:
        text = Text.from_ansi(line.text + (" …" if line.truncated else ""), no_wrap=True)
        text.expand_tabs(_TAB)
        if self._shift:
            text = text[self._shift :]
        text.truncate(self.size.width)
        for segment in text.render(self.app.console):
            yield Segment(segment.text, base + segment.style if segment.style else base)

    # --- what is done -------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self.view.move(by)
        self._moved()

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))

    def action_follow(self) -> None:
        self.view.follow()
        self._moved()

    def action_sideways(self, by: int) -> None:
        self._shift = max(0, self._shift + by)
        self.refresh()

    def action_leave(self) -> None:
        self.action_follow()
        self.post_message(self.Left())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.prevent_default().stop()
        self.action_move(self.view.first + int(self.scroll_offset.y) - self.view.cursor - _WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.prevent_default().stop()
        bottom = self.view.first + int(self.scroll_offset.y) + self.size.height - 1
        self.action_move(bottom - self.view.cursor + _WHEEL)
