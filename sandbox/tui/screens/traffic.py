"""The rules in force, what they were before, and the way back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import Finding, Revision, TrafficState
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.messages import OpenRollback, OpenService
from sandbox.tui.questions import Question
from sandbox.tui.rules import POLICIES, REVISIONS, as_written, diff_lines, finding_lines, policy_rows, revision_rows
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.widgets.grid import Grid
from sandbox.tui.words import Tone

_EVERY = 2.0


class TrafficScreen(CockpitScreen):
    PLACE = "traffic"
    KEYS: ClassVar[Keys] = (
        ("f", "a fault: f 1 enter lets every request fail, f 6 enter ends it"),
        ("v", "versions' weights, by slider or number"),
        ("x", "timeout, retry, limit, mirror and the rest"),
        ("tab", "from the rules to their history, and back"),
        ("enter", "on a service: its page; on a revision: go back to it"),
        ("d", "what differs from sandbox.yaml"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "app.steer('fault')", "fault"),
        Binding("v", "app.steer('split')", "weights"),
        Binding("x", "app.steer('')", "steer"),
        Binding("d", "drift", "differs"),
    ]
    DEFAULT_CSS = """
    TrafficScreen {
        #policies { max-height: 50%; }
        #history { height: 1fr; border-top: solid $panel-lighten-2; border-title-color: $text-muted; }
        #history:focus { border-top: solid $primary; }
        Detail { max-height: 35%; }
    }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._revisions: tuple[Revision, ...] = ()
        self._findings: tuple[Finding, ...] = ()
        self._drift: str | None = None  # shown instead of the rules

    def body(self) -> ComposeResult:
        yield Grid(POLICIES, id="policies")
        yield Detail()
        yield Grid(REVISIONS, empty="no change was recorded yet", id="history")

    def on_mount(self) -> None:
        self.query_one("#history").border_title = " history "
        self.query_one("#policies").focus()

    def questions(self) -> Iterable[Question]:
        traffic = self.cockpit.control.traffic
        yield Question("history of the rules", traffic.history, self._take_history, _EVERY)
        yield Question("check of the rules", traffic.lint, self._take_findings, 5.0)

    def _take_history(self, revisions: tuple[Revision, ...]) -> None:
        self._revisions = revisions
        self.look()

    def _take_findings(self, findings: Iterable[Finding]) -> None:
        self._findings = tuple(findings)
        self._describe()

    def look(self) -> None:
        picture = self.cockpit.picture
        names = [service.name for service in picture.services]
        state = picture.traffic or TrafficState(revision=0, policies={}, versions={}, drift=())
        self._grid("policies").rows = policy_rows(state, names)
        self._grid("history").rows = revision_rows(self._revisions, state.revision)
        self._describe()

    def _grid(self, name: str) -> Grid:
        return self.query_one(f"#{name}", Grid)

    @property
    def target(self) -> str | None:
        row = self._grid("policies").row
        return row.key if row else None

    @on(Grid.Chosen, "#policies")
    def _describe(self) -> None:
        if self._drift is not None:
            traffic = self.cockpit.picture.traffic
            refused = [(f"✗ {traffic.refused}", Tone.BAD)] if traffic and traffic.refused else []
            lines = diff_lines(self._drift) or [("the rules in force are those of sandbox.yaml", Tone.GOOD)]
            lines = [*refused, *lines]
            self.query_one(Detail).say("sandbox.yaml → in force · d shows the rules again", lines)
            return
        if (name := self.target) is None:
            return
        traffic = self.cockpit.picture.traffic
        document = traffic.policies.get(name, {}) if traffic else {}
        concerned = [one for one in self._findings if name in one.place]
        lines = [*finding_lines(concerned), *((line, Tone.PLAIN) for line in as_written(name, document).splitlines())]
        self.query_one(Detail).say(name, lines)

    @on(Grid.Opened)
    def _open(self, message: Grid.Opened) -> None:
        if message.control.id == "policies":
            self.post_message(OpenService(message.row.key, "rules"))
        else:
            self.post_message(OpenRollback(int(message.row.key)))

    def action_drift(self) -> None:
        if self._drift is not None:
            self._drift = None
            self._describe()
        else:
            self.give(self._ask_for_drift())

    async def _ask_for_drift(self) -> str:
        self._drift = await self.cockpit.control.traffic.drift()
        self._describe()
        return "what differs from the file is shown"
