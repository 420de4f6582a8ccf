"""Words that narrow what is shown, typed below it."""

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
        & > Input { background: $panel; width: 1fr; }
    }
    """

    class Changed(Message):
        """Another text counts now."""

    class Done(Message):
        """Typing ended; the text still counts."""

    def __init__(
        self, label: str = "show only ", placeholder: str = "part of a name", *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._label = label
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        yield Static(self._label)
        yield Input(placeholder=self._placeholder, compact=True)
        yield Static(id="remark", markup=False)

    @property
    def text(self) -> str:
        return self.typed.lower()

    @property
    def typed(self) -> str:
        return self.query_one(Input).value.strip()

    def type(self, text: str) -> None:
        """As if a person had."""
        self.query_one(Input).value = text
        self.display = bool(text)

    def remark(self, text: str) -> None:
        """Beside what is typed: what is wrong with it, or how much it finds."""
        self.query_one("#remark", Static).update(text)

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
