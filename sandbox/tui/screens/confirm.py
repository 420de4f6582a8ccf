"""Asks before what can't be taken back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.tui.hints import hint


class ConfirmScreen(ModalScreen[bool]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
    ]
    DEFAULT_CSS = """
    ConfirmScreen {
        align: center middle;
        & > Vertical {
            width: auto;
            max-width: 90%;
            height: auto;
            padding: 1 3;
            border: round $warning;
            background: $surface;
        }
        Static { width: auto; }
    }
    """

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, markup=False)
            yield Static(f"\n{hint(f'y  {self._yes}', 'answer(True)')}\n{hint('n  no, go back', 'answer(False)')}")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
