"""A live table: lines of cells, one of which is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sandbox.tui.grid import Cell, Column, Layout, Row, fit, placed
from sandbox.tui.palette import TONE_CLASSES, TONE_CSS, tone_style
from sandbox.tui.words import Tone

_MARK = "▸"


class Grid(ScrollView, can_focus=True):
    """Draws `rows`. The cursor stays on its line's key wherever that moves, and only changed lines are drawn anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home", "move(-9999)", "First", show=False),
        Binding("end,G", "move(9999)", "Last", show=False),
        Binding("enter", "open", "Open", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--head", "grid--cursor", *TONE_CLASSES}
    DEFAULT_CSS = f"""
    Grid {{
        height: auto;
        min-height: 3;
        scrollbar-size-horizontal: 0;
        & > .grid--head {{ color: $text-muted; text-style: bold; }}
        & > .grid--cursor {{ background: $surface-lighten-1; }}
        &:focus > .grid--cursor {{ background: $primary 40%; text-style: bold; }}
        {TONE_CSS}
    }}
    """

    rows: reactive[tuple[Row, ...]] = reactive((), layout=False, repaint=False)
    cursor: reactive[str] = reactive("", layout=False, repaint=False)

    class Chosen(Message):
        """The cursor is on another line, or the line under it says something else."""

        def __init__(self, grid: Grid, row: Row | None) -> None:
            super().__init__()
            self.grid = grid
            self.row = row

        @property
        def control(self) -> Grid:
            return self.grid

    class Opened(Message):
        """By enter, or by a double click."""

        def __init__(self, grid: Grid, row: Row) -> None:
            super().__init__()
            self.grid = grid
            self.row = row

        @property
        def control(self) -> Grid:
            return self.grid

    def __init__(self, columns: Sequence[Column], *, empty: str = "", id: str | None = None) -> None:
        """empty: what is said where there is no line."""
        super().__init__(id=id)
        self._columns = columns
        self._empty = empty
        self._layout_of_columns = Layout((), 2, False)

    def set_columns(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        if self._relayout():
            self.refresh()

    @property
    def row(self) -> Row | None:
        """The line under the cursor."""
        return next((row for row in self.rows if row.key == self.cursor), None)

    # --- what changes -------------------------------------------------------------------------------------------

    def watch_rows(self, old: tuple[Row, ...], new: tuple[Row, ...]) -> None:
        self._keep_cursor(old)
        self.virtual_size = Size(self.size.width, len(new) + 1)
        if self._relayout() or len(old) != len(new):
            self.refresh(layout=len(old) != len(new))
        else:
            self._refresh_lines([index for index, row in enumerate(new) if row != old[index]])
        self.post_message(self.Chosen(self, self.row))

    def watch_cursor(self, old: str, new: str) -> None:
        self._refresh_lines([index for index, row in enumerate(self.rows) if row.key in (old, new)])
        self._show_cursor()
        self.post_message(self.Chosen(self, self.row))

    def _keep_cursor(self, old: Sequence[Row]) -> None:
        """When its line is gone, the cursor goes to the line it belonged to, else to the line now at its place."""
        if self.row is not None or not self.rows:
            return
        place, gone = next(((index, row) for index, row in enumerate(old) if row.key == self.cursor), (0, None))
        parent = next((row for row in self.rows if gone and row.key == gone.parent), None)
        self.cursor = (parent or self.rows[min(place, len(self.rows) - 1)]).key

    def _relayout(self) -> bool:
        before = self._layout_of_columns
        self._layout_of_columns = fit(self._columns, self.rows, self._room)
        return before != self._layout_of_columns

    @property
    def _room(self) -> int:
        """Columns beside the mark, and beside the scroll bar where there are more lines than fit."""
        scrolls = len(self.rows) + 1 > self.size.height
        return self.size.width - 2 - (self.styles.scrollbar_size_vertical if scrolls else 0)

    def _refresh_lines(self, indexes: Sequence[int]) -> None:
        top = int(self.scroll_offset.y)
        self.refresh(*(Region(0, index + 1 - top, self.size.width, 1) for index in indexes if index >= top))

    def _show_cursor(self) -> None:
        index = self._index()
        room = self.size.height - 1
        if room > 0:
            top = min(max(int(self.scroll_offset.y), index - room + 1), index)
            self.scroll_to(y=top, animate=False, force=True)

    def _index(self) -> int:
        return next((index for index, row in enumerate(self.rows) if row.key == self.cursor), 0)

    # --- what is drawn ------------------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(len(self.rows), bool(self._empty)) + 1

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._head()
        index = int(self.scroll_offset.y) + y - 1
        if index >= len(self.rows):
            return self._nothing(y)
        return self._line(self.rows[index])

    def _nothing(self, y: int) -> Strip:
        text = f" {self._empty}" if y == 1 and not self.rows else ""
        style = tone_style(self, Tone.OFF)
        return Strip([Segment(text, self.rich_style + style)]).adjust_cell_length(self.size.width, self.rich_style)

    def _head(self) -> Strip:
        layout = self._layout_of_columns
        titles = {column.name: Cell(column.title, short=column.short) for column, _ in layout.columns}
        style = self.get_component_rich_style("grid--head")
        return self._strip(" ", [(titles[column.name], style) for column, _ in layout.columns], style)

    def _line(self, row: Row) -> Strip:
        chosen = row.key == self.cursor
        base = self.get_component_rich_style("grid--cursor") if chosen else self.rich_style
        cells = [row.cells.get(column.name, Cell("")) for column, _ in self._layout_of_columns.columns]
        styled = [(cell, base + tone_style(self, cell.tone)) for cell in cells]
        return self._strip(_MARK if chosen else " ", styled, base)

    def _strip(self, mark: str, cells: Sequence[tuple[Cell, Style]], base: Style) -> Strip:
        layout = self._layout_of_columns
        gap = Segment(" " * layout.gap, base)
        segments = [Segment(mark, base)]
        for (column, width), (cell, style) in zip(layout.columns, cells, strict=True):
            segments += [Segment(placed(cell.shown(layout.short), column, width), style), gap]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    # --- what is done -------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        if self.rows:
            self.cursor = self.rows[min(max(self._index() + by, 0), len(self.rows) - 1)].key

    def action_open(self) -> None:
        if row := self.row:
            self.post_message(self.Opened(self, row))

    def on_click(self, event: events.Click) -> None:
        index = int(self.scroll_offset.y) + event.y - 1
        if event.y > 0 and index < len(self.rows):
            self.cursor = self.rows[index].key
            if event.chain == 2:
                self.action_open()

    def on_resize(self) -> None:
        if self._relayout():
            self.refresh()
        self._show_cursor()
