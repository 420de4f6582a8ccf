"""`sandbox alerts`: what is wrong now, by rules."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from sandbox.cli.logs import rfc3339
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.times import age
from sandbox.control import Alert, AlertState, Control
from sandbox.errors import UsageError

_COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
_MOST_EVIDENCE = 3


def run(options: Namespace) -> int:
    if options.subject is not None and options.silence is None:
        raise UsageError("--subject goes with --silence", hint="such as: --silence error_ratio --subject pantry")

    async def conversation(control: Control) -> int:
        if options.silence is not None:
            await control.alerts.silence(options.silence, options.subject, options.seconds)
            print(_silenced(options.silence, options.subject, options.seconds))
            return 0
        alerts = await control.alerts.alerts(resolved=options.resolved)
        if options.output == "json":
            print(json.dumps([as_dict(alert) for alert in alerts], indent=2, ensure_ascii=False))
        else:
            print("\n".join(as_lines(alerts, time.time(), Style.of(sys.stdout))))
        return 0

    return talk(options, conversation)


def _silenced(rule: str, subject: str | None, seconds: float) -> str:
    what = f"{rule} of {subject}" if subject else rule
    return f"{what} is silent for {age(seconds)}" if seconds else f"{what} is told again"


def as_dict(alert: Alert) -> dict[str, object]:
    until = alert.silenced_until
    return {
        **asdict(alert),
        "since": rfc3339(alert.since),
        "silenced_until": None if until is None else rfc3339(until),
    }


def as_lines(alerts: Sequence[Alert], now: float, style: Style) -> Iterator[str]:
    if not alerts:
        yield "no alerts"
    for alert in alerts:
        yield _head(alert, now, style)
        for line in alert.evidence[:_MOST_EVIDENCE]:
            yield f"    {line}"


def _head(alert: Alert, now: float, style: Style) -> str:
    colour = "grey" if alert.state is not AlertState.FIRING or alert.silenced_until else _COLOURS[alert.severity]
    state = style.paint(f"{alert.state} {alert.severity}", colour)
    silent = f", silent for {age(alert.silenced_until - now)}" if alert.silenced_until else ""
    return f"{state}  {alert.message}  ({alert.rule}, for {age(now - alert.since)}{silent})"
