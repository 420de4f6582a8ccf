"""What a change of traffic or code did to numbers that alerts are judged by. Pure.

Alerts look back for a minute, so that one bad moment is none; what an undo mended would stand for as long. After a
change those that it can have mended are judged by what was counted since, as soon as there is enough of it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sandbox.control import Metric
from sandbox.events import Event, Kind
from sandbox.telemetry.alerts.observation import LOOKS_BACK, Level, Measured, Numbers, Observation

LONGEST = 12.0
"""Seconds that are looked back after a change: two looks, and what is lost at their edges."""

_SHORTEST = 4.0
_UNDER_WAY = 2.0
"""Seconds after a change in which what is counted may be of before."""

_FEWEST_REQUESTS = 10
"""Within the time that is looked at: fewer show nothing."""

_WAITS = 8.0
"""Seconds after a change until which numbers of after it must be there."""

_WAITS_LONGEST = 30.0
"""Where requests are few: half of those that are looked at are then of after it."""

_MOST_CHANGES = 3
"""Within the minute: what changes all the time, as a ramp does, would hide for ever what it brings about."""

_BY_NUMBERS = frozenset(["error_ratio", "open_circuit", "retry_storm", "slow"])

_CHANGES = (Kind.POLICY_APPLIED, Kind.SERVICE_RELOADED)


@dataclass(frozen=True, slots=True)
class Since:
    """services: that changed within the last minute; None: all of them."""

    start: float
    end: float
    services: frozenset[str] | None


def since_change(events: Iterable[Event], now: float, longest: float = LONGEST) -> Since | None:
    """None when nothing changed lately, or only just now. longest: seconds that are looked back."""
    changes = [event for event in events if event.kind in _CHANGES and now - event.at < LOOKS_BACK]
    if not changes:
        return None
    settled = math.ceil(max(event.at for event in changes) + _UNDER_WAY)
    start = max(float(settled), now - longest)
    if now - start < _SHORTEST:
        return None
    named = [event.service for event in changes]
    return Since(start, now, None if None in named else frozenset(name for name in named if name))


def fresh(
    seen: Observation, since: Since, edges: Mapping[tuple[str, str], Numbers], services: Mapping[str, Numbers]
) -> Observation:
    """`seen` with the numbers since a change: of what changed and of its callers, where they are enough."""
    touched = _touched(since.services, edges)
    seconds = since.end - since.start

    def shows(callee: str, numbers: Numbers) -> bool:
        known = (numbers.get(Metric.REQUESTS) or 0.0) * seconds >= _FEWEST_REQUESTS
        return known and (touched is None or callee in touched)

    return replace(
        seen,
        edges={edge: numbers for edge, numbers in edges.items() if shows(edge[1], numbers)},
        numbers={name: numbers for name, numbers in services.items() if shows(name, numbers)},
        span=seconds,
        windows={},
    )


def _touched(services: frozenset[str] | None, edges: Collection[tuple[str, str]]) -> set[str] | None:
    """With all that call them, by others too."""
    if services is None:
        return None
    found: set[str] = set()
    todo = list(services)
    while todo:
        if (one := todo.pop()) not in found:
            found.add(one)
            todo += [caller for caller, callee in edges if callee == one]
    return found


def settled(measured: Iterable[Measured], now: Iterable[Measured]) -> Iterator[Measured]:
    """`measured`, but good where it is so since the change, and by the numbers since where it is still bad."""
    since = {(one.rule, one.subject): one for one in now}
    for one in measured:
        known = since.get((one.rule, one.subject))
        if known is None or one.level not in (Level.BAD, Level.BETWEEN):
            yield one
        elif known.level is Level.GOOD:
            yield replace(one, level=Level.GOOD, settled=True)
        else:
            yield known if one.level is known.level is Level.BAD else one


# --- before there are numbers of after the change -----------------------------------------------------------------


def unsettled(measured: Iterable[Measured], seen: Observation) -> Iterator[Measured]:
    """`measured`, but what is bad only by numbers of before a change neither begins nor ends by them."""
    changes = [event for event in seen.events if event.kind in _CHANGES and 0 <= seen.at - event.at < LOOKS_BACK]
    newest = max((event.at for event in changes), default=0.0)
    waits = _WAITS_LONGEST if seen.fresh is not None else _WAITS
    if seen.at - newest >= waits or len(changes) > _MOST_CHANGES:
        yield from measured
        return
    named = [event.service for event in changes]
    touched = _touched(None if None in named else frozenset(name for name in named if name), seen.edges)
    shown = seen.fresh.numbers if seen.fresh is not None else {}
    for one in measured:
        callee = one.subject.rpartition(" → ")[2]
        old = one.level is Level.BAD and one.rule in _BY_NUMBERS and callee not in shown
        yield replace(one, level=Level.BETWEEN) if old and (touched is None or callee in touched) else one
