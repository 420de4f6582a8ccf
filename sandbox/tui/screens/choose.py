"""Some of several names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import SelectionList, Static
from textual.widgets.selection_list import Selection

from sandbox.tui.hints import CLOSE, hints


class ChooseScreen(ModalScreen[list[str] | None]):
    """None: as before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "done", "Done", priority=True),
        Binding("a", "all", "All"),
        Binding("n", "none", "None"),
        Binding("escape,q", "dismiss(None)", "Close"),
    ]
    DEFAULT_CSS = """
    ChooseScreen {
        align: center middle;
        & > Vertical {
            width: 60;
            max-width: 95%;
            height: auto;
            max-height: 90%;
            padding: 0 1;
            border: round $primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        SelectionList { height: auto; max-height: 18; border: none; background: $surface; }
    }
    """

    def __init__(self, question: str, names: Sequence[str], chosen: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._names = names
        self._chosen = set(chosen or names)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._question
            box.border_subtitle = hints(
                "space changes", ("a all", "all"), ("n none", "none"), ("enter done", "done"), CLOSE
            )
            yield SelectionList[str](*(Selection(name, name, name in self._chosen) for name in self._names))
            yield Static()

    @property
    def _list(self) -> SelectionList[str]:
        return self.query_one(SelectionList)

    def action_done(self) -> None:
        self._list.call_later(self._finish)  # behind the keys that it was given before

    def _finish(self) -> None:
        chosen = set(self._list.selected)
        self.dismiss([name for name in self._names if name in chosen])

    def action_all(self) -> None:
        self._list.select_all()

    def action_none(self) -> None:
        self._list.deselect_all()
