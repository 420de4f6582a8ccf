"""The machine, the rules in force and the causes of trouble, examined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import Diagnosis, Finding
from sandbox.tui.causes import FINDINGS, finding_rows, why_lines
from sandbox.tui.cockpit import Cockpit, Examined
from sandbox.tui.questions import Question
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.widgets.grid import Grid

_EVERY = 10.0
_LOOKING = (Finding(severity="info", place="this machine", message="looking at it takes a few seconds…"),)


class DoctorScreen(CockpitScreen):
    PLACE = "doctor"
    KEYS: ClassVar[Keys] = (
        ("↑ ↓  j k", "move through findings"),
        ("r", "look again"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "again", "look again")]
    DEFAULT_CSS = """
    DoctorScreen #findings { height: 1fr; }
    DoctorScreen Detail { max-height: 50%; }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._machine: tuple[Finding, ...] = _LOOKING if cockpit.examine else ()
        self._rules: tuple[Finding, ...] = ()

    def body(self) -> ComposeResult:
        yield Grid(FINDINGS, empty="looking…", id="findings")
        yield Detail()

    def on_mount(self) -> None:
        self.query_one(Grid).focus()

    def questions(self) -> Iterable[Question]:
        if self.cockpit.examine:
            yield Question("look at this machine", self.cockpit.examine, self._take_machine, None)
        yield Question("check of the rules", self.cockpit.control.traffic.lint, self._take_rules, _EVERY)
        yield Question("diagnosis", self.cockpit.control.diagnosis.why, self._take_causes, _EVERY)

    def _take_machine(self, found: Sequence[Examined]) -> None:
        self._machine = tuple(
            Finding(severity=one.state, place="this machine", message=one.what, hint=one.next_step) for one in found
        )
        self._show()

    def _take_rules(self, found: Sequence[Finding]) -> None:
        self._rules = tuple(found) or (Finding(severity="ok", place="rules", message="nothing to remark"),)
        self._show()

    def _take_causes(self, diagnosis: Diagnosis) -> None:
        self.query_one(Detail).say("why", why_lines(diagnosis, self.cockpit.picture.firing))

    def _show(self) -> None:
        self.query_one(Grid).rows = finding_rows((*self._rules, *self._machine))

    def action_again(self) -> None:
        self.asking.again()
