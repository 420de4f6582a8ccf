"""From how things are, look after look, to alerts: pending → firing → resolved. Pure.

Lengths are counted by the time between looks, so neither a stepping clock nor a supervisor that was away moves
anything. Data that is missing is neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sandbox.control import Alert, AlertState
from sandbox.telemetry.alerts.observation import Level, Measured

KEEP = 15.0
"""Seconds that it must be good before an alert is over, or half as long as it had to be bad."""

SETTLED = 2
"""Looks in a row by which an alert is over that is good since a change."""

STALE = 300.0
"""Seconds without any data after which an alert is over."""

PAST = 3600.0
MOST_PAST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    alert: Alert  # `silenced_until` is not kept here
    hold: float
    bad_for: float = 0.0
    good_for: float = 0.0
    unknown_for: float = 0.0
    settled: int = 0  # looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """standing: pending and firing, by rule and subject. past: resolved, oldest first. silences: until when, by rule
    and subject ("" for all subjects)."""

    standing: Mapping[str, Standing] = field(default_factory=dict)  # by `key`
    past: tuple[Alert, ...] = ()
    silences: Mapping[str, float] = field(default_factory=dict)


def key(rule: str, subject: str) -> str:
    return f"{rule}/{subject}"


def look(
    before: Alerts, measured: Iterable[Measured], *, now: float, elapsed: float
) -> tuple[Alerts, tuple[Alert, ...]]:
    """What stands after a look, and the alerts that began to fire or were resolved by it, or still fire now that their
    silence is over.

    now: seconds since the epoch. elapsed: seconds since the look before.
    """
    found = {key(one.rule, one.subject): one for one in _worst(measured)}
    standing: dict[str, Standing] = {}
    changed: list[Alert] = []
    for name in {**before.standing, **found}:
        old, seen = before.standing.get(name), found.get(name)
        new = _next(old, seen, now, elapsed)
        if new is not None and new.alert.state is not AlertState.RESOLVED:
            standing[name] = new
        if new is not None and new.alert.state in _TOLD and (old is None or old.alert.state is not new.alert.state):
            changed.append(new.alert)
    ended = [alert for alert in changed if alert.state is AlertState.RESOLVED]
    past = [alert for alert in before.past if now - alert.since < PAST]
    silences = {name: until for name, until in before.silences.items() if until > now}
    after = Alerts(standing=standing, past=(*past, *ended)[-MOST_PAST:], silences=silences)
    return after, (*changed, *_heard_again(before, after, now))


def _heard_again(before: Alerts, after: Alerts, now: float) -> Iterator[Alert]:
    """Those that fire on when what silenced them has run out."""
    for name, standing in after.standing.items():
        alert, known = standing.alert, before.standing.get(name)
        fires_on = known is not None and known.alert.state is alert.state is AlertState.FIRING
        was_silent = not before.silences.keys().isdisjoint((key(alert.rule, ""), name))
        if fires_on and was_silent and silence_of(after, alert, now) is None:
            yield alert


_TOLD = (AlertState.FIRING, AlertState.RESOLVED)
_ORDER = (Level.BAD, Level.BETWEEN, Level.GOOD, Level.UNKNOWN)


def _worst(measured: Iterable[Measured]) -> list[Measured]:
    """One for each rule and subject: a service may have objectives for several quantiles."""
    found: dict[str, Measured] = {}
    for one in measured:
        known = found.get(key(one.rule, one.subject))
        if known is None or _ORDER.index(one.level) < _ORDER.index(known.level):
            found[key(one.rule, one.subject)] = one
    return list(found.values())


def _next(old: Standing | None, seen: Measured | None, now: float, elapsed: float) -> Standing | None:
    if old is None:
        return _begun(seen, now) if seen is not None and seen.level is Level.BAD else None
    if old.alert.state is AlertState.PENDING:
        return _pending(old, seen, now, elapsed)
    return _firing(old, seen, now, elapsed)


def _begun(seen: Measured, now: float) -> Standing:
    state = AlertState.PENDING if seen.hold > 0 else AlertState.FIRING
    return Standing(alert=_alert(seen, state, now), hold=seen.hold)


def _pending(old: Standing, seen: Measured | None, now: float, elapsed: float) -> Standing | None:
    match seen.level if seen is not None else None:
        case Level.BAD:
            assert seen is not None
            bad_for = old.bad_for + elapsed
            if bad_for >= seen.hold:
                return Standing(alert=_alert(seen, AlertState.FIRING, now), hold=seen.hold)
            alert = _alert(seen, AlertState.PENDING, old.alert.since)
            return Standing(alert=alert, hold=seen.hold, bad_for=bad_for)
        case Level.BETWEEN:
            return replace(old, unknown_for=0.0)
        case Level.UNKNOWN:
            unknown_for = old.unknown_for + elapsed
            return replace(old, unknown_for=unknown_for) if unknown_for < STALE else None
    return None


def _firing(old: Standing, seen: Measured | None, now: float, elapsed: float) -> Standing:
    match seen.level if seen is not None else None:
        case Level.BAD:
            assert seen is not None
            return Standing(alert=_alert(seen, AlertState.FIRING, old.alert.since), hold=seen.hold)
        case Level.BETWEEN:
            return replace(old, good_for=0.0, unknown_for=0.0, settled=0)
        case Level.GOOD:
            assert seen is not None
            good_for, settled = old.good_for + elapsed, old.settled + 1 if seen.settled else old.settled
            if settled >= SETTLED:
                return _resolved(old, now, "well since the last change")
            if good_for >= max(KEEP, old.hold / 2):
                return _resolved(old, now, "")
            return replace(old, good_for=good_for, unknown_for=0.0, settled=settled)
        case Level.UNKNOWN:
            unknown_for = old.unknown_for + elapsed
            if unknown_for >= STALE:
                return _resolved(old, now, "nothing was measured any more")
            return replace(old, unknown_for=unknown_for)
    return _resolved(old, now, "what it was about is gone")


def _resolved(old: Standing, now: float, why: str) -> Standing:
    evidence = (*old.alert.evidence, why) if why else old.alert.evidence
    return replace(old, alert=replace(old.alert, state=AlertState.RESOLVED, since=now, evidence=evidence))


def _alert(seen: Measured, state: AlertState, since: float) -> Alert:
    return Alert(
        rule=seen.rule,
        subject=seen.subject,
        state=state,
        severity=seen.severity,
        message=seen.message,
        since=since,
        value=seen.value,
        threshold=seen.threshold,
        evidence=seen.evidence,
    )


# --- silence ------------------------------------------------------------------------------------------------------


def silenced(alerts: Alerts, rule: str, subject: str | None, until: float | None) -> Alerts:
    """`until` None ends a silence, and with no subject all silences of the rule."""
    name = key(rule, subject or "")
    if until is not None:
        return replace(alerts, silences={**alerts.silences, name: until})
    ended = {one for one in alerts.silences if one == name or (subject is None and one.startswith(key(rule, "")))}
    return replace(alerts, silences={one: at for one, at in alerts.silences.items() if one not in ended})


def silence_of(alerts: Alerts, alert: Alert, now: float) -> float | None:
    """Until when an alert is silenced; None when it is not."""
    names = (key(alert.rule, ""), key(alert.rule, alert.subject))
    until = max((alerts.silences.get(name, 0.0) for name in names), default=0.0)
    return until if until > now else None


_SEVERITIES = ("critical", "warning", "info")
_STATES = (AlertState.FIRING, AlertState.PENDING, AlertState.RESOLVED)


def listed(alerts: Alerts, now: float, *, resolved: bool) -> tuple[Alert, ...]:
    """Worst first, and the newest first of the same kind; silenced ones after the others."""
    found = [_as_measured(standing) for standing in alerts.standing.values()]
    if resolved:
        found += [alert for alert in alerts.past if now - alert.since < PAST]
    marked = [replace(alert, silenced_until=silence_of(alerts, alert, now)) for alert in found]
    return tuple(sorted(marked, key=_rank))


def _as_measured(standing: Standing) -> Alert:
    """One that nothing is measured of any more says so: what it says was true then."""
    alert, quiet = standing.alert, standing.unknown_for
    if not quiet:
        return alert
    said = f"nothing to measure for {quiet:.0f} s; the alert ends after {STALE:.0f} s of that, or when it is well again"
    return replace(alert, message=f"{alert.message}; nothing since", evidence=(*alert.evidence, said))


def _rank(alert: Alert) -> tuple[int, bool, int, float, str]:
    severity = _SEVERITIES.index(alert.severity)
    return _STATES.index(alert.state), alert.silenced_until is not None, severity, -alert.since, alert.subject
