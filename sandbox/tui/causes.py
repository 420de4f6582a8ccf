"""Why something is wrong, and what alerts say, in lines. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sandbox.control import (
    Alert,
    AlertState,
    Cause,
    Confidence,
    Diagnosis,
    Finding,
    Revision,
    TelemetrySnapshot,
)
from sandbox.tui.grid import Cell, Column, Row
from sandbox.tui.words import NONE, Tone, clock, seconds

Said = tuple[str, Tone]

_SURE = {Confidence.CERTAIN: "certain", Confidence.LIKELY: "likely", Confidence.UNKNOWN: "not sure"}

ALERTS = (
    Column("state", "STATE", "STATE", False, 9, 9),
    Column("subject", "WHAT", "WHAT", False, 8, 8),
    Column("message", "SAYS", "SAYS", False, 10, 20, fills=True),
    Column("since", "SINCE", "SINCE", True, 3, 6),
    Column("rule", "RULE", "RULE", False, 2, 6),
)
FINDINGS = (
    Column("state", "", "", False, 9, 1),
    Column("place", "WHERE", "WHERE", False, 8, 8),
    Column("message", "WHAT", "WHAT", False, 10, 20, fills=True),
)

_STATES = {
    AlertState.FIRING: ("✗ firing", Tone.BAD),
    AlertState.PENDING: ("◐ pending", Tone.BUSY),
    AlertState.RESOLVED: ("● resolved", Tone.GOOD),
}
_LEVELS = {
    "ok": ("●", Tone.GOOD),
    "info": ("·", Tone.PLAIN),
    "skipped": ("·", Tone.OFF),
    "warning": ("▲", Tone.BUSY),
    "error": ("✗", Tone.BAD),
}


# --- why ----------------------------------------------------------------------------------------------------------


def diagnosis_lines(diagnosis: Diagnosis, undone: Revision | None = None) -> list[Said]:
    """The sentence, the way to the cause, the key that undoes, and each cause with its facts and the next step.

    undone: the revision whose undoing ends it, see `undone_by`.
    """
    lines: list[Said] = [_summary(diagnosis)]
    way = " → ".join(diagnosis.path)
    if len(diagnosis.path) > 1 and way not in diagnosis.summary:
        lines.append((way, Tone.PLAIN))
    if undone:
        lines.append((f"u undoes revision {undone.number}, of {clock(undone.at)}: {undone.summary}", Tone.STRONG))
    for cause in diagnosis.causes:
        lines += [("", Tone.PLAIN), *_cause_lines(cause)]
    if diagnosis.looked_at:
        lines += [("", Tone.PLAIN), (f"looked at: {', '.join(diagnosis.looked_at)}", Tone.OFF)]
    return lines


def why_lines(
    diagnosis: Diagnosis, firing: Iterable[Alert], asked: str | None = None, undone: Revision | None = None
) -> list[Said]:
    """What `diagnosis_lines` says; but of an alert that still stands where nothing is to be seen any more, first that.

    firing: worst first. asked: the service it is about; None for whatever is worst.
    """
    alert = next((one for one in firing if asked is None or asked in one.subject.split()), None)
    if alert is None or not diagnosis.healthy:
        return diagnosis_lines(diagnosis, undone)
    (message, tone), *facts = alert_lines(alert)
    return [
        (f"✗ {alert.subject}: {message}", tone),
        *facts,
        ("", Tone.PLAIN),
        (f"now: {diagnosis.summary}", Tone.PLAIN),
        *diagnosis_lines(diagnosis)[1:],
    ]


def _summary(diagnosis: Diagnosis) -> Said:
    return (f"● {diagnosis.summary}", Tone.GOOD) if diagnosis.healthy else (f"✗ {diagnosis.summary}", Tone.BAD)


def _cause_lines(cause: Cause) -> Iterable[Said]:
    where = f"{cause.service}: " if cause.service and cause.service not in cause.message else ""
    when = f", since {clock(cause.at)}" if cause.at is not None else ""
    yield f"▲ {where}{cause.message}  ({_SURE[cause.confidence]}{when})", Tone.BUSY
    for fact in cause.facts:
        yield f"   · {fact}", Tone.PLAIN
    if cause.command:
        yield f"   → {cause.command}", Tone.GOOD


_NOT_BY_TRAFFIC = frozenset(
    [
        "upstream_down",
        "starting",
        "waiting",
        "unhealthy",
        "crash",
        "recovered",
        "was_stopped",
        "out_of_memory",
        "listens_elsewhere",
        "bad_save",
        "build_failed",
        "bad_configuration",
        "engine_away",
        "proxy_down",
        "fault_over",
    ]
)
"""Kinds of causes that no policy brings about."""

_ITS_OWN = frozenset(["own_errors", "broken_connections", "no_answer"])
"""What a service does by itself: a policy has a part in it only where another version does better."""
_AT_ONCE = 2.0
"""Seconds within which what a revision brings about is seen, or a clock may be off."""
_WORSE = 0.05
"""By how much the shares of failed requests of two versions differ when one of them is the worse one."""


def undone_by(
    newest: Revision | None, diagnosis: Diagnosis | None, telemetry: TelemetrySnapshot | None = None
) -> Revision | None:
    """The newest revision, where to undo it can end what is wrong; None where it can't, or nothing says so.

    It has to have touched the service that is the cause, not after that began, and the cause has to be one that
    policies bring about: to undo the end of a fault because somebody stopped the service would bring the fault back.
    The cause is the first one that is told, and any fault that is certain: somebody made it on purpose.
    """
    if newest is None or diagnosis is None or diagnosis.healthy:
        return None
    certain = (
        one for one in diagnosis.causes[1:] if one.kind == "fault_injected" and one.confidence is Confidence.CERTAIN
    )
    causes = (*diagnosis.causes[:1], *certain)
    return newest if any(_brought_about(newest, cause, telemetry) for cause in causes) else None


def _brought_about(newest: Revision, cause: Cause, telemetry: TelemetrySnapshot | None) -> bool:
    if cause.kind in _NOT_BY_TRAFFIC or cause.service not in newest.services:
        return False
    if cause.at is not None and newest.at > cause.at + _AT_ONCE:
        return False
    return cause.kind not in _ITS_OWN or _a_version_is_better(telemetry, cause.service)


def _a_version_is_better(telemetry: TelemetrySnapshot | None, service: str) -> bool:
    requests: dict[str, float] = defaultdict(float)
    errors: dict[str, float] = defaultdict(float)
    for edge in telemetry.edges if telemetry else ():
        if edge.callee == service:
            requests[edge.version] += edge.signals.requests_per_second
            errors[edge.version] += edge.signals.errors_per_second
    shares = [errors[version] / asked for version, asked in requests.items() if asked]
    return len(shares) > 1 and max(shares) - min(shares) >= _WORSE


# --- alerts -------------------------------------------------------------------------------------------------------


def alert_rows(alerts: Sequence[Alert], now: float) -> tuple[Row, ...]:
    return tuple(_alert_row(alert, now) for alert in alerts)


def alert_key(alert: Alert) -> str:
    return f"{alert.rule} {alert.subject}"


def _alert_row(alert: Alert, now: float) -> Row:
    text, tone = _STATES[alert.state]
    if alert.silenced_until is not None:
        text, tone = f"‖ silent {seconds(alert.silenced_until - now)}", Tone.OFF
    cells = {
        "state": Cell(text, tone),
        "subject": Cell(alert.subject),
        "message": Cell(alert.message, tone if tone is Tone.BAD else Tone.PLAIN),
        "since": Cell(seconds(now - alert.since)),
        "rule": Cell(alert.rule, Tone.OFF),
    }
    return Row(alert_key(alert), cells)


def alert_lines(alert: Alert) -> list[Said]:
    numbers = ""
    if alert.value is not None and alert.threshold is not None:
        numbers = f" · {alert.value:.3g}, limit {alert.threshold:.3g}"
    return [
        (alert.message, _STATES[alert.state][1]),
        *((f"· {one}", Tone.PLAIN) for one in alert.evidence),
        (f"rule {alert.rule}, {alert.severity}, since {clock(alert.since)}{numbers}", Tone.OFF),
    ]


# --- findings -----------------------------------------------------------------------------------------------------


def finding_rows(findings: Iterable[Finding]) -> tuple[Row, ...]:
    """What is wrong first."""
    order = list(_LEVELS)
    ordered = sorted(findings, key=lambda one: -order.index(one.severity) if one.severity in order else 0)
    return tuple(_finding_row(index, one) for index, one in enumerate(ordered))


def _finding_row(index: int, finding: Finding) -> Row:
    symbol, tone = _LEVELS.get(finding.severity, ("·", Tone.PLAIN))
    step = f" → {finding.hint}" if finding.hint else ""
    cells = {
        "state": Cell(symbol, tone),
        "place": Cell(finding.place or NONE),
        "message": Cell(f"{finding.message}{step}", tone if tone in (Tone.BAD, Tone.BUSY) else Tone.PLAIN),
    }
    return Row(f"{index} {finding.place} {finding.message}", cells)
