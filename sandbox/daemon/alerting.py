"""Looks every few seconds, keeps the alerts over restarts, and tells who wants to be told."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from sandbox.control import Alert, AlertsControl, AlertState
from sandbox.errors import NotFoundError, SandboxError, UsageError
from sandbox.events import Bus, Event, Kind, Severity
from sandbox.files import set_aside, write_atomic
from sandbox.model import Project
from sandbox.tasks import Tasks, until_tick
from sandbox.telemetry.alerts.evaluate import evaluate, rule_names
from sandbox.telemetry.alerts.machine import Alerts, key, listed, look, silence_of, silenced
from sandbox.telemetry.alerts.observation import Observation

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks."""

LONGEST_SILENCE = 30 * 86400.0
_SEVERITIES = {"critical": Severity.ERROR, "warning": Severity.WARNING, "info": Severity.INFO}

Observe = Callable[[], Awaitable[Observation]]
Tell = Callable[[Alert, Project], None]


class Alerting(AlertsControl):
    """observe: raises SandboxError when nothing can be known. tell: hands an alert on, without waiting for it."""

    def __init__(self, path: Path, bus: Bus, project: Callable[[], Project], observe: Observe, tell: Tell) -> None:
        self._path = path
        self._bus = bus
        self._project = project
        self._observe = observe
        self._tell = tell
        self._alerts = Alerts()
        self._saved = b""
        self._looked_at: float | None = None
        self._trouble = ""

    def open(self, tasks: Tasks) -> None:
        self._alerts = self._load()
        tasks.spawn(self._run(), name="look for what is wrong")

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)

    # --- what is asked of it ----------------------------------------------------------------------------------------

    async def alerts(self, *, resolved: bool = False) -> tuple[Alert, ...]:
        return listed(self._alerts, time.time(), resolved=resolved)

    async def silence(self, rule: str, subject: str | None, seconds: float) -> None:
        names = rule_names(self._project())
        if rule not in names:
            raise NotFoundError("no such alert", place=rule, hint=f"there are {', '.join(names)}")
        if not 0 <= seconds <= LONGEST_SILENCE:
            raise UsageError("a silence lasts at most 30 days", place=rule, hint="say how long, such as --for 1h")
        until = time.time() + seconds if seconds else None
        if until is None and subject and self._alerts.silences.get(key(rule, ""), 0.0) > time.time():
            hint = f"end that of all: sandbox alerts --silence {rule} --for 0"
            raise UsageError("is silent for all that it is about", place=rule, hint=hint)
        self._alerts = silenced(self._alerts, rule, subject, until)
        self._save()
        what = f"{rule} of {subject}" if subject else rule
        then = f"is silent for {_length(seconds)}" if seconds else "is told again"
        self._bus.publish(Event(kind=Kind.ALERT_SILENCED, message=f"the alert {what} {then}"))

    # --- looking ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(until_tick(time.monotonic(), EVERY))
            try:
                await self.look()
                self._trouble = ""
            except SandboxError as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    log.warning("alerts can't be judged: %s", error)

    async def look(self) -> None:
        seen = await self._observe()
        now = time.monotonic()
        elapsed = min(now - self._looked_at, 3 * EVERY) if self._looked_at is not None else 0.0
        self._looked_at = now
        measured = evaluate(seen, self._project())
        self._alerts, changed = look(self._alerts, measured, now=seen.at, elapsed=elapsed)
        for alert in changed:
            self._announce(alert)
        self._save()

    def _announce(self, alert: Alert) -> None:
        """A silenced alert changes quietly."""
        if silence_of(self._alerts, alert, time.time()) is not None:
            return
        fires = alert.state is AlertState.FIRING
        known = alert.subject in self._project().services
        self._bus.publish(
            Event(
                kind=Kind.ALERT_FIRING if fires else Kind.ALERT_RESOLVED,
                message=f"alert: {alert.message}" if fires else f"over: {alert.message}",
                service=alert.subject if known else None,
                severity=_SEVERITIES[alert.severity] if fires else Severity.INFO,
                detail="\n".join(alert.evidence),
            )
        )
        self._tell(alert, self._project())

    # --- between supervisors ----------------------------------------------------------------------------------------

    def _load(self) -> Alerts:
        try:
            self._saved = self._path.read_bytes()
            return msgspec.json.decode(self._saved, type=Alerts)
        except FileNotFoundError:
            return Alerts()
        except (OSError, msgspec.DecodeError) as error:
            aside = set_aside(self._path).name
            message = f"{self._path.name} was damaged ({error}) and is now {aside}; silences are forgotten"
            self._bus.publish(Event(kind=Kind.NOTICE, severity=Severity.WARNING, message=message))
            return Alerts()

    def _save(self) -> None:
        """Only what changed. A disk that refuses costs what a new supervisor would know, and nothing else."""
        data = msgspec.json.encode(self._alerts)
        if data == self._saved:
            return
        try:
            write_atomic(self._path, data)
            self._saved = data
        except OSError as error:
            log.warning("alerts are not kept for a new supervisor: %s", error)


def free_disk(folder: Path) -> Sequence[int | None]:
    """Free bytes and all bytes where the folder lies."""
    try:
        found = shutil.disk_usage(folder)
    except OSError:
        return None, None
    return found.free, found.total


def _length(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
