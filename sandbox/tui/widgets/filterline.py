"""A part of the names of the services to show, typed below the table."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FilterLine(Horizontal):
    """Out of sight until it is asked for; `text` is what was typed, in lower case."""

    DEFAULT_CSS = """
    FilterLine {
        display: none;
        height: 1;
        padding: 0 1;
        background: $panel;
        & > Static { width: auto; color: $text-muted; }
        & > Input { background: $panel; }
    }
    """

    class Changed(Message):
        """Another text counts now."""

    class Done(Message):
        """Typing ended; the text still counts."""

    def compose(self) -> ComposeResult:
        yield Static("show only ")
        yield Input(placeholder="part of a name", compact=True)

    @property
    def text(self) -> str:
        return self.query_one(Input).value.strip().lower()

    def ask(self) -> None:
        """What is typed from now on is taken here, not only from the next turn on as with `focus`."""
        self.display = True
        self.screen.set_focus(self.query_one(Input))

    def drop(self) -> None:
        self.query_one(Input).value = ""
        self.display = False

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Done())
