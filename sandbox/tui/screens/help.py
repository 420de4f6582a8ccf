"""The keys of a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.tui.hints import CLOSE, hints

Keys = Sequence[tuple[str, str]]


class HelpScreen(ModalScreen[None]):
    """The same key again leads to the tour."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss(None)", "Close"),
        Binding("question_mark", "tour", "Tour"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > VerticalScroll {
            width: 86;
            max-width: 95%;
            height: auto;
            max-height: 95%;
            padding: 0 2;
            border: round $primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
    }
    """

    def __init__(self, title: str, keys: Keys) -> None:
        super().__init__()
        self._title = title
        self._keys = keys

    def compose(self) -> ComposeResult:
        table = Table.grid(padding=(0, 3))
        table.add_column(style="bold", no_wrap=True)
        for key, meaning in self._keys:
            table.add_row(key, meaning)
        with VerticalScroll() as box:
            box.border_title = self._title
            box.border_subtitle = hints(("? the tour", "tour"), CLOSE)
            yield Static(table)

    async def action_tour(self) -> None:
        self.dismiss(None)
        await self.run_action("app.tour")

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
