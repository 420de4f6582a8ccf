"""The way back to an earlier revision, shown before it is taken."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.control import Origin, Revision, was_passing
from sandbox.errors import ConflictError, SandboxError
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.hints import hints
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
        self._newest: Revision | None = None  # as it was shown
        self._goal: Revision | None = None

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "undo the last change" if self._number is None else f"back to revision {self._number}"
            box.border_subtitle = hints(("enter go back", "apply"), ("esc leave it", "dismiss(None)"))
            yield Static("looking…", id="what", markup=False)
            yield Preview()

    def on_mount(self) -> None:
        self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        traffic = self._cockpit.control.traffic
        try:
            revisions = await traffic.history(_LOOKED_AT)
            self._newest, self._goal, diff = revisions[0] if revisions else None, None, ""
            for goal in self._candidates(revisions):
                self._goal, diff = goal, await traffic.diff(revisions[0].number, goal.number)
                if diff:  # those that say the same as what is in force are no way back
                    break
        except SandboxError as error:
            self.query_one(Preview).error(error)
            return
        self._say(diff)

    def _candidates(self, revisions: tuple[Revision, ...]) -> Iterable[Revision]:
        """The nearest first."""
        if self._number is None:
            return [one for after, one in pairwise(revisions) if not was_passing(one, after)]
        return [one for one in revisions if one.number == self._number]

    def _say(self, diff: str) -> None:
        what, newest, goal = self.query_one("#what", Static), self._newest, self._goal
        if newest is None or goal is None:
            what.update("nothing was changed since the start: there is no way back to go")
            return
        what.update(
            f"in force: revision {newest.number}, {clock(newest.at)}, by {newest.origin}: {newest.summary}\n"
            f"back to:  revision {goal.number}, {clock(goal.at)}: {goal.summary}"
        )
        self.query_one(Preview).say("what would change", diff_lines(diff) or [("nothing", Tone.OFF)])

    @work(exclusive=True, group="apply")
    async def action_apply(self) -> None:
        """What was shown, and nothing else: where somebody else was quicker, it is shown anew."""
        if self._newest is None or self._goal is None:
            return
        try:
            traffic, seen = self._cockpit.control.traffic, self._newest.number
            result = await traffic.rollback(self._goal.number, Origin.TUI, if_revision=seen)
        except ConflictError:
            self._look()
            self.notify("somebody else changed the traffic meanwhile: look again", severity="warning", markup=False)
            return
        except SandboxError as error:
            self.query_one(Preview).error(error)
            return
        self._cockpit.hurry()
        self.dismiss(applied(result).removesuffix(" · u undoes it"))
