"""The hop that takes the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.words import milliseconds, percent

SLOW = 200.0
"""Milliseconds of p99 from which a service without an objective is worth asking about."""

MOST_OF_IT = 0.5


def slow_hop(evidence: Evidence, start: str, services: Iterable[str]) -> Cause | None:
    """Of what `start` waits for, the service whose own share of the time is the largest, when that is most of it.

    A service's own share is its p99 less that of the slowest service that it calls. Quantiles can't be subtracted
    exactly, so this is likely at best.
    """
    whole = p99(evidence, start)
    if whole is None or whole < _limit(evidence, start):
        return None
    own = _own_shares(evidence, services)
    if not own:
        return None
    slowest = max(own, key=lambda name: own[name])
    if own[slowest] < MOST_OF_IT * whole:
        return None
    share = f"about {milliseconds(own[slowest])} of the {milliseconds(whole)} that {start} takes (p99) are its own"
    alone = (
        f"{start} itself is slow: of its p99 of {milliseconds(whole)} about {milliseconds(own[slowest])} are its own"
    )
    return Cause(
        kind="slow_hop",
        service=slowest,
        message=f"{slowest} is the slow hop: {share}" if slowest != start else alone,
        facts=tuple(
            f"{name}: p99 {milliseconds(p99(evidence, name) or 0)}, its own about {milliseconds(share)} "
            f"({percent(share / whole)})"
            for name, share in sorted(own.items(), key=lambda one: -one[1])[:4]
        ),
        command="sandbox trace --slow",
        confidence=Confidence.LIKELY,
    )


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
    return SLOW
