"""The way back to an earlier revision, shown before it is taken."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.control import Origin, Revision
from sandbox.errors import SandboxError
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.rules import diff_lines
from sandbox.tui.screens.steer import DIALOG_CSS, applied
from sandbox.tui.widgets.preview import Preview
from sandbox.tui.words import Tone, clock

_LOOKED_AT = 50


class RollbackScreen(ModalScreen[str | None]):
    """To the revision with that number; None: the one before the one in force."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n,q", "dismiss(None)", "Close"),
        Binding("enter,y", "apply", "Go back", priority=True),
    ]
    DEFAULT_CSS = f"""
    RollbackScreen {{ {DIALOG_CSS} }}
    """

    def __init__(self, cockpit: Cockpit, number: int | None = None) -> None:
        super().__init__()
        self._cockpit = cockpit
        self._number = number

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "undo the last change" if self._number is None else f"back to revision {self._number}"
            box.border_subtitle = "enter go back · esc leave it"
            yield Static("looking…", id="what", markup=False)
            yield Preview()

    @work
    async def on_mount(self) -> None:
        traffic = self._cockpit.control.traffic
        try:
            revisions = await traffic.history(_LOOKED_AT)
            goal = self._goal(revisions)
            diff = await traffic.diff(revisions[0].number, goal.number) if goal else ""
        except SandboxError as error:
            self.query_one(Preview).error(error)
            return
        self._say(revisions, goal, diff)

    def _goal(self, revisions: tuple[Revision, ...]) -> Revision | None:
        if self._number is not None:
            return next((one for one in revisions if one.number == self._number), None)
        return revisions[1] if len(revisions) > 1 else None

    def _say(self, revisions: tuple[Revision, ...], goal: Revision | None, diff: str) -> None:
        what = self.query_one("#what", Static)
        if goal is None:
            what.update("nothing was changed since the start: there is no way back to go")
            return
        newest = revisions[0]
        what.update(
            f"in force: revision {newest.number}, {clock(newest.at)}, by {newest.origin}: {newest.summary}\n"
            f"back to:  revision {goal.number}, {clock(goal.at)}: {goal.summary}"
        )
        self.query_one(Preview).say("what would change", diff_lines(diff) or [("nothing", Tone.OFF)])

    @work(exclusive=True)
    async def action_apply(self) -> None:
        try:
            result = await self._cockpit.control.traffic.rollback(self._number, Origin.TUI)
        except SandboxError as error:
            self.query_one(Preview).error(error)
            return
        self._cockpit.hurry()
        self.dismiss(applied(result).removesuffix(" · u undoes it"))
