"""Who can be to blame for what: everything that a service calls, directly or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from sandbox.control import Metric
from sandbox.diagnosis.evidence import Evidence

FAILS = 0.01
"""The share of failed requests from which something is wrong."""


def callees(evidence: Evidence) -> Mapping[str, tuple[str, ...]]:
    """Declared and observed ones, of each service; nobody calls itself here."""
    found: dict[str, dict[str, None]] = {one.name: dict.fromkeys(one.depends_on) for one in evidence.status.services}
    for edge in evidence.edges:
        if edge.caller in found and edge.callee in found:
            found[edge.caller][edge.callee] = None
    return {name: tuple(one for one in called if one != name and one in found) for name, called in found.items()}


def paths_from(start: str, calls: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """A shortest way from `start` to each service that it reaches, itself included."""
    found: dict[str, tuple[str, ...]] = {start: (start,)}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for callee in calls.get(here, ()):
            if callee not in found:
                found[callee] = (*found[here], callee)
                waiting.append(callee)
    return found


def failing_paths(
    start: str, calls: Mapping[str, tuple[str, ...]], failing: Collection[tuple[str, str]]
) -> Mapping[str, tuple[str, ...]]:
    """As `paths_from`, but along edges that fail wherever these lead there."""
    ill = {name: tuple(one for one in called if (name, one) in failing) for name, called in calls.items()}
    return {**paths_from(start, calls), **paths_from(start, ill)}


def suffered(evidence: Evidence, service: str, until: float) -> bool:
    """Whether requests to it, or to whoever calls it, directly or not, fail in numbers of before that time."""
    calls = callees(evidence)
    return any(
        edge.share(Metric.ERRORS) > FAILS and service in paths_from(edge.callee, calls)
        for edge in evidence.edges
        if (evidence.at - evidence.seconds if edge.since is None else edge.since) < until
    )


def entries(evidence: Evidence) -> tuple[str, ...]:
    """Services that nobody here calls, or that are public: where requests come in."""
    calls = callees(evidence)
    called = {callee for found in calls.values() for callee in found}
    return tuple(one.name for one in evidence.status.services if one.url or one.name not in called)
