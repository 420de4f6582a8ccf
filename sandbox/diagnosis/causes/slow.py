"""The hop that takes the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.words import milliseconds, percent

SLOW = 200.0
"""Milliseconds of p99 from which a service without an objective is worth asking about."""

VERY_SLOW = 1000.0
"""Milliseconds from which that is so however long it has been so."""

SLOWER = 1.5
"""Times its own past from which it is slower than it was."""

FEWEST = 20
"""Requests within the time of the numbers: a p99 of fewer is that of one of them."""

MOST_OF_IT = 0.5


def slow_hop(evidence: Evidence, start: str, services: Iterable[str]) -> Cause | None:
    """Of what `start` waits for, the service whose own share of the time is the largest, when that is most of it.

    A service's own share is its p99 less that of the slowest service that it calls. Quantiles can't be subtracted
    exactly, so this is likely at best.
    """
    whole = p99(evidence, start)
    if whole is None or whole < _limit(evidence, start) or not _asked_enough(evidence, start):
        return None
    own = _own_shares(evidence, services)
    if not own:
        return None
    slowest = max(own, key=lambda name: own[name])
    if own[slowest] < MOST_OF_IT * whole or not _asked_enough(evidence, slowest):
        return None
    share = _share(start, whole, own[slowest])
    alone = (
        f"{start} itself is slow: of its p99 of {milliseconds(whole)} about {milliseconds(own[slowest])} are its own"
    )
    return Cause(
        kind="slow_hop",
        service=slowest,
        message=f"{slowest} is the slow hop: {share}" if slowest != start else alone,
        facts=tuple(
            f"{name}: p99 {milliseconds(p99(evidence, name) or 0)}, its own about {milliseconds(share)} "
            f"({percent(min(1.0, share / whole))})"
            for name, share in sorted(own.items(), key=lambda one: -one[1])[:4]
        ),
        command="sandbox trace --slow",
        confidence=Confidence.LIKELY,
    )


def _share(start: str, whole: float, own: float) -> str:
    """A part is no larger than the whole: a p99 that is, is of requests that `start` does not all wait for."""
    if own > whole:
        takes = f"{start}, of whose requests not all wait for that, takes {milliseconds(whole)}"
        return f"its own p99 is about {milliseconds(own)}; {takes}"
    return f"about {milliseconds(own)} of the {milliseconds(whole)} that {start} takes (p99) are its own"


def _asked_enough(evidence: Evidence, service: str) -> bool:
    return sum(edge.count(evidence.seconds) for edge in evidence.into(service)) >= FEWEST


def p99(evidence: Evidence, service: str) -> float | None:
    """Of all its callers, the worst."""
    found = [edge.latency(Metric.P99) for edge in evidence.into(service)]
    return max((one for one in found if one is not None), default=None)


def _own_shares(evidence: Evidence, services: Iterable[str]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for name in services:
        if (whole := p99(evidence, name)) is not None:
            waited = [edge.latency(Metric.P99) or 0.0 for edge in evidence.out_of(name)]
            found[name] = max(0.0, whole - max(waited, default=0.0))
    return found


def _limit(evidence: Evidence, service: str) -> float:
    promised = evidence.objectives.get(service)
    if promised is not None and "p99" in promised.latency:
        return promised.latency["p99"] * 1000
    past = evidence.past.get(service)
    return SLOW if past is None else min(VERY_SLOW, max(SLOW, SLOWER * past))
