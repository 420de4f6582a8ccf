"""What is wrong, since when, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sandbox.control import Alert
from sandbox.tui.causes import ALERTS, alert_key, alert_lines, alert_rows
from sandbox.tui.cockpit import Cockpit
from sandbox.tui.messages import OpenWhy
from sandbox.tui.questions import Question
from sandbox.tui.screens.base import CockpitScreen
from sandbox.tui.screens.help import Keys
from sandbox.tui.widgets.detail import Detail
from sandbox.tui.widgets.grid import Grid

_QUIET_FOR = 900.0
_EVERY = 2.0
_ASKED = "alerts"


class AlertsScreen(CockpitScreen):
    PLACE = "alerts"
    KEYS: ClassVar[Keys] = (
        ("↑ ↓  j k", "move through alerts"),
        ("enter  y", "why: what it comes from"),
        ("m", "silence it for a quarter of an hour, or let it speak again"),
        ("a", "also those of the last hour that are over"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "silence", "silence"),
        Binding("a", "resolved", "also resolved"),
    ]
    DEFAULT_CSS = """
    AlertsScreen #alerts { height: 1fr; }
    """

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._alerts: tuple[Alert, ...] = ()
        self._resolved = False

    def body(self) -> ComposeResult:
        yield Grid(ALERTS, empty="● nothing is wrong", id="alerts")
        yield Detail()

    def on_mount(self) -> None:
        self.query_one(Grid).focus()

    def questions(self) -> Iterable[Question]:
        yield Question(_ASKED, self._ask, self._take, _EVERY)

    async def _ask(self) -> tuple[Alert, ...]:
        return await self.cockpit.control.alerts.alerts(resolved=self._resolved)

    def _take(self, alerts: tuple[Alert, ...]) -> None:
        self._alerts = alerts
        self.query_one(Grid).rows = alert_rows(alerts, self.cockpit.now())

    @property
    def _alert(self) -> Alert | None:
        cursor = self.query_one(Grid).cursor
        return next((one for one in self._alerts if alert_key(one) == cursor), None)

    @property
    def target(self) -> str | None:
        """The last service it names: of an edge, the one that is called."""
        alert = self._alert
        if alert is None:
            return None
        known = {service.name for service in self.cockpit.picture.services}
        words = [word for word in alert.subject.replace("→", " ").replace("@", " ").split() if word in known]
        return words[-1] if words else None

    @on(Grid.Chosen)
    def _describe(self) -> None:
        alert = self._alert
        self.query_one(Detail).say(alert.subject if alert else "", alert_lines(alert) if alert else [])

    @on(Grid.Opened)
    def _why(self) -> None:
        self.post_message(OpenWhy(self.target))

    def action_resolved(self) -> None:
        self._resolved = not self._resolved
        self.asking.again(_ASKED)

    def action_silence(self) -> None:
        if alert := self._alert:
            self.give(self._silence(alert))

    async def _silence(self, alert: Alert) -> str:
        speaks_again = alert.silenced_until is not None
        seconds = 0.0 if speaks_again else _QUIET_FOR
        await self.cockpit.control.alerts.silence(alert.rule, alert.subject, seconds)
        self.asking.again(_ASKED)
        return f"{alert.rule} on {alert.subject} {'speaks again' if speaks_again else 'is silent for 15 minutes'}"
