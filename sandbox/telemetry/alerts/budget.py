"""How fast a service uses up its error budget. Pure.

Multiwindow, multi-burn-rate alerts as in Google's Site Reliability Workbook, chapter 5, table 5-8
(https://sre.google/workbook/alerting-on-slos/): an alert when a share of the budget of 30 days goes in a long window,
as long as it still goes in a short one of a twelfth of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.model import Project
from sandbox.telemetry.alerts.observation import Asked, Level, Measured, Observation
from sandbox.telemetry.alerts.words import percent

FEWEST = 20
"""Requests in the long window: the chapter's section on low traffic."""


@dataclass(frozen=True, slots=True)
class Burn:
    long: float  # seconds
    short: float
    rate: float  # times as fast as would use up the budget in 30 days
    severity: str


_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
BURNS = (
    Burn(_HOUR, 5 * _MINUTE, 14.4, "critical"),  # 2 % of the budget in 1 hour
    Burn(6 * _HOUR, 30 * _MINUTE, 6.0, "critical"),  # 5 % in 6 hours
    Burn(3 * _DAY, 6 * _HOUR, 1.0, "warning"),  # 10 % in 3 days
)
WINDOWS = tuple(sorted({window for burn in BURNS for window in (burn.long, burn.short)}))


def error_budget(seen: Observation, project: Project) -> Iterator[Measured]:
    for name, service in project.services.items():
        if (availability := service.objectives.availability) is not None:
            yield _of_service(name, availability, seen.windows.get(name, {}))


def _of_service(name: str, availability: float, windows: Mapping[float, Asked]) -> Measured:
    budget = 1.0 - availability
    burning = next((burn for burn in BURNS if _burns(burn, windows, budget)), None)
    if burning is None:
        quiet = all(window.requests < FEWEST for window in windows.values())
        return Measured(rule="error_budget", subject=name, level=Level.UNKNOWN if quiet else Level.GOOD)
    ratio, recent = windows[burning.long].ratio or 0.0, windows[burning.short].ratio or 0.0
    return Measured(
        rule="error_budget",
        subject=name,
        level=Level.BAD,
        severity=burning.severity,
        hold=0.0,
        message=f"{name} uses up its error budget {ratio / budget:.0f} times too fast for an availability of "
        f"{availability * 100:.6g} %",
        value=ratio / budget,
        threshold=burning.rate,
        evidence=(
            f"{percent(ratio)} of the requests failed in the last {_length(burning.long)}",
            f"{percent(recent)} in the last {_length(burning.short)}",
        ),
    )


def _burns(burn: Burn, windows: Mapping[float, Asked], budget: float) -> bool:
    long, short = windows.get(burn.long), windows.get(burn.short)
    if long is None or short is None or long.requests < FEWEST or long.ratio is None or short.ratio is None:
        return False
    return min(long.ratio, short.ratio) > burn.rate * budget


def _length(seconds: float) -> str:
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= unit:
            return "hour" if seconds == _HOUR else f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
