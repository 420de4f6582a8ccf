"""The log of one service, or of several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from sandbox.control import LogLine
from sandbox.tui.logfilter import Level, LogFilter, level, pattern, plain
from sandbox.tui.logview import MOST_LINES, LogView
from sandbox.tui.viewport import Seen, Thumb, at_thumb, breaks, in_sight, thumb
from sandbox.tui.words import clock

_ROOM_FOR_TIMES = 100
_TAB = 4
_WHEEL = 3
_MARKS = {Level.ERROR: "✗", Level.WARNING: "▲"}


class LogPane(Widget, can_focus=True):
    """Follows until the reader moves up. Lines are laid out only when they are looked at, so a flood costs little.

    source: what the lines are of, shown in the border. names: whether lines begin with their instance.
    whose: whether with their service too.
    """

    ALLOW_SELECT = False  # marks whole lines by itself
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-9999999)", "Oldest", show=False),
        Binding("end,G", "follow", "Follow", show=False),
        Binding("left", "sideways(-16)", "Left", show=False),
        Binding("right", "sideways(16)", "Right", show=False),
        Binding("escape", "leave", "Back", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--cursor", "log--margin", "log--found", "log--marked"}
    DEFAULT_CSS = """
    LogPane {
        height: 1fr;
        min-height: 3;
        border-top: solid $panel-lighten-2;
        border-title-color: $text-muted;
        & > .log--cursor { background: $primary 40%; }
        & > .log--marked { background: $secondary 40%; }
        & > .log--margin { color: $foreground; text-style: dim; }
        & > .log--found { text-style: bold underline; }
        &:focus { border-top: solid $primary; border-title-color: $text; border-title-style: bold; }
    }
    """

    source: reactive[str] = reactive("")
    names: reactive[bool] = reactive(False)
    whose: reactive[bool] = reactive(False)
    wraps: reactive[bool] = reactive(False)

    class Left(Message):
        """The reader is done here."""

    class Selected(Message):
        """Lines were marked with the mouse."""

    class Placed(Message):
        """The reader is somewhere else, or what there is has changed."""

    def __init__(self, most: int = MOST_LINES, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = LogView(most)
        self.empty = ""
        self.mark: int | None = None  # the number of the line at which a selection began
        self._shift = 0
        self._top = 0
        self._seen: list[Seen] = []
        self._held: int | None = None  # the line on which a mouse button went down
        self._thumb: Thumb | None = None
        self._scrolls = False  # whether it did so on the scroll bar

    @property
    def line(self) -> LogLine | None:
        """The line under the cursor, which is the newest one while following."""
        return self.view.line(self.view.cursor)

    @property
    def selected(self) -> list[LogLine]:
        """From the mark to the cursor; without a mark, the line under the cursor."""
        start = self.view.cursor if self.mark is None else self.mark
        return list(self.view.between(min(start, self.view.cursor), max(start, self.view.cursor)))

    # --- what changes -------------------------------------------------------------------------------------------

    def show(self, lines: Iterable[LogLine]) -> None:
        """Add new lines at the end."""
        self.view.extend(lines)
        self._moved()

    def want(self, wanted: LogFilter) -> None:
        self.view.want(wanted)
        self._moved()

    def clear(self, empty: str = "") -> None:
        """Forget all lines; `empty` is shown until there is one."""
        self.view.clear()
        self.empty = empty
        self.mark = None
        self._shift = 0
        self._moved()

    def watch_source(self) -> None:
        self._tell_place()

    def watch_wraps(self) -> None:
        self._moved()

    def _moved(self) -> None:
        self._seen = in_sight(self.view, self._top, self.content_size.height, self._rows)
        self._thumb = thumb(self.view, self._seen, self.content_size.height)
        if self._seen:
            self._top = self._seen[0].number
        self._tell_place()
        self.refresh()
        self.post_message(self.Placed())

    def _rows(self, number: int) -> int:
        line = self.view.line(number)
        if not self.wraps or line is None:
            return 1
        return len(breaks(self._text(line).plain, self._room(line)))

    def _tell_place(self) -> None:
        what = f"log · {self.source}" if self.source else "log"
        new = f", {self.view.unseen} new below" if self.view.unseen else ""
        title = f" {what} " if self.view.following else f" {what} · paused{new}: end to follow "
        if self.border_title != title:  # what is set is drawn anew
            self.border_title = title

    def on_resize(self) -> None:
        self._moved()

    # --- what is drawn ------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width, base = self.content_size.width - 1, self.rich_style
        return Strip([*self._text_line(y, width, base), self._bar(y, base)])

    def _bar(self, y: int, base: Style) -> Segment:
        bar = self._thumb
        if bar is None:
            return Segment(" ", base)
        return Segment("█" if bar.top <= y < bar.top + bar.size else "│", base + self._margin)

    def _text_line(self, y: int, width: int, base: Style) -> Strip:
        line = self.view.line(self._seen[y].number) if y < len(self._seen) else None
        if line is None:
            text = self.empty if y == 0 and not len(self.view) else ""
            return Strip([Segment(f"  {text}", base + self._margin)]).adjust_cell_length(width, base)
        number, part = self._seen[y]
        chosen = self.has_focus and not self.view.following and number == self.view.cursor
        base = self._base(number, chosen, base)
        head = "▸" if chosen else " " if part else _MARKS.get(level(line.text), " ")
        before = self._before(line) if not part else " " * len(self._before(line))
        margin = [Segment(f"{head} ", base), Segment(before, base + self._margin)]
        return Strip([*margin, *self._segments(line, part, base)]).adjust_cell_length(width, base)

    def _base(self, number: int, chosen: bool, base: Style) -> Style:
        if chosen:
            return self.get_component_rich_style("log--cursor")
        if self.mark is not None and min(self.mark, self.view.cursor) <= number <= max(self.mark, self.view.cursor):
            return self.get_component_rich_style("log--marked")
        return base

    @property
    def _margin(self) -> Style:
        return self.get_component_rich_style("log--margin", partial=True)

    def _before(self, line: LogLine) -> str:
        time = f"{clock(line.at)} " if self.size.width >= _ROOM_FOR_TIMES else ""
        if self.whose:
            return f"{time}{line.instance[:16]:<16} "
        name = f"{line.instance.removeprefix(f'{line.service}-')} " if self.names else ""
        return time + name

    def _room(self, line: LogLine) -> int:
        return max(10, self.content_size.width - 3 - len(self._before(line)))

    def _text(self, line: LogLine) -> Text:
        said = line.text + (" …" if line.truncated else "")
        text = Text(plain(said)) if self.app.theme == "no-colour" else Text.from_ansi(said)
        text.no_wrap = True
        text.expand_tabs(_TAB)
        return text

    def _segments(self, line: LogLine, part: int, base: Style) -> Iterable[Segment]:
        text, wanted = self._text(line), self.view.filter
        if wanted.text:
            text.highlight_regex(pattern(wanted.text, wanted.regex), self.get_component_rich_style("log--found"))
        if self.wraps:
            begins = [*breaks(text.plain, self._room(line)), len(text)]
            text = text[begins[part] : begins[part + 1]] if part + 1 < len(begins) else Text()
        elif self._shift:
            text = text[self._shift :]
        text.truncate(self.content_size.width - 1)
        for segment in text.render(self.app.console):
            yield Segment(segment.text, base + segment.style if segment.style else base)

    # --- what is done -------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self.view.move(by)
        self._moved()

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.content_size.height - 1))

    def action_follow(self) -> None:
        self.view.follow()
        self._moved()

    def pause_or_follow(self) -> None:
        if self.view.following:
            self.view.pause()
        else:
            self.view.follow()
        self._moved()

    def select_or_not(self) -> None:
        """Begin a selection at the cursor, or drop it."""
        self.mark = self.view.cursor if self.mark is None else None
        self.view.pause()
        self._moved()

    def action_sideways(self, by: int) -> None:
        self._shift = max(0, self._shift + by)
        self.refresh()

    def action_leave(self) -> None:
        self.action_follow()
        self.post_message(self.Left())

    # --- the mouse ----------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """On a line: go there, and mark from there on while the button is held. On the scroll bar: move along."""
        row = self._row_of(event)
        if event.button != 1 or not self._seen or row < 0:
            return
        self.capture_mouse()
        self._scrolls = event.x >= self.content_size.width - 1 and self._thumb is not None
        if self._scrolls:
            self._go_along(row)
        elif row < len(self._seen):
            self._held, self.mark = self._seen[row].number, None
            self._stand_on(row)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._scrolls:
            self._go_along(self._row_of(event))
        elif self._held is not None:
            row = self._row_of(event)
            if 0 <= row < len(self._seen):
                self._stand_on(row)
            else:  # what is beyond comes into sight
                self.view.move(-1 if row < 0 else 1)
            self.mark = self._held if self._held != self.view.cursor else None
            self._moved()

    def on_mouse_up(self) -> None:
        self.release_mouse()
        marked = self._held is not None and self.mark is not None
        self._held, self._scrolls = None, False
        if marked:
            self.post_message(self.Selected())

    def _row_of(self, event: events.MouseEvent) -> int:
        return int(event.y) - (self.size.height - self.content_size.height)

    def _stand_on(self, row: int) -> None:
        self.view.pause()
        self.view.cursor = self._seen[row].number
        self._moved()

    def _go_along(self, row: int) -> None:
        self.view.go(at_thumb(self.view, row, self.content_size.height))
        self._moved()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.prevent_default().stop()
        if self._seen:
            self.action_move(self.view.index(self._top) - self.view.index(self.view.cursor) - _WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.prevent_default().stop()
        if self._seen:
            self.action_move(self.view.index(self._seen[-1].number) - self.view.index(self.view.cursor) + _WHEEL)
