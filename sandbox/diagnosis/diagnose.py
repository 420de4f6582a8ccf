"""From evidence to a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sandbox.control import Cause, Confidence, Diagnosis, Metric, Trace
from sandbox.diagnosis.causes import of_edge, of_service
from sandbox.diagnosis.causes.faults import fault_over, is_older, newest_fault
from sandbox.diagnosis.causes.project import of_project
from sandbox.diagnosis.causes.routes import no_such_host, service_of_url
from sandbox.diagnosis.causes.slow import p99, slow_hop
from sandbox.diagnosis.causes.trace import failure, slowest
from sandbox.diagnosis.changes import with_reloads
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.graph import FAILS, callees, entries, failing_paths
from sandbox.diagnosis.words import counted, milliseconds, percent, requests
from sandbox.model.flags import flag_words

_FAILURES = (Metric.ERRORS, Metric.FAULTS, Metric.TIMEOUTS, Metric.OVERFLOWS, Metric.RATE_LIMITED, Metric.DENIED)

_AFTER = {
    **dict.fromkeys(("retries_amplify", "own_errors", "broken_connections", "no_answer"), 1),
    **dict.fromkeys(("recovered", "was_stopped"), 2),
    "slow_hop": 3,
    **dict.fromkeys(("waiting", "starting", "version_passed_over"), 4),
}
"""What often follows from another cause, and is told after those that don't; what fails comes before what is slow."""

_OF_ITS_END = ("broken_connections", "no_answer")
"""What the numbers still have of a service that was away."""

_CONFIDENCE = (Confidence.CERTAIN, Confidence.LIKELY, Confidence.UNKNOWN)

Paths = Mapping[str, tuple[str, ...]]


def is_url(target: str) -> bool:
    return "://" in target or "/" in target or target.partition(":")[0].endswith(".localhost")


def diagnose(evidence: Evidence, target: str | None = None) -> Diagnosis:
    """`target`: a service of the project, a URL, the id of `evidence.trace`, or None for whatever is worst."""
    if evidence.trace is not None:
        return _of_trace(evidence, evidence.trace)
    if target is None:
        return _of_everything(evidence)
    if not is_url(target):
        return _of_service(evidence, target, target)
    service = service_of_url(evidence, target)
    if service is None:
        return _told(evidence, target, [no_such_host(evidence, target)], {})
    return _of_service(evidence, target, service)


def _of_service(evidence: Evidence, target: str, start: str) -> Diagnosis:
    paths = _paths(evidence, start)
    causes = [*of_project(evidence), *_along(evidence, paths, start)]
    return _told(evidence, target, causes, paths, start)


def _paths(evidence: Evidence, start: str) -> Paths:
    return failing_paths(start, callees(evidence), set(_failing(evidence)))


def _failing(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for edge in evidence.edges:
        if any(edge.share(metric) > FAILS for metric in _FAILURES):
            yield edge.caller, edge.callee
    for service in evidence.status.services:
        for callee in service.depends_on:
            called = evidence.service(callee)
            if called is not None and not called.ready:
                yield service.name, callee


def _of_everything(evidence: Evidence) -> Diagnosis:
    paths: dict[str, tuple[str, ...]] = {}
    for start in entries(evidence):
        for name, path in _paths(evidence, start).items():
            if name not in paths or len(path) > len(paths[name]):
                paths[name] = path
    causes = [*of_project(evidence)]
    for start in entries(evidence):
        causes += _along(evidence, _paths(evidence, start), start)
    return _told(evidence, evidence.status.project, causes, paths)


def _of_trace(evidence: Evidence, trace: Trace) -> Diagnosis:
    """What the trace shows, and then why that service is so."""
    shown = failure(trace) or slowest(trace)
    start = shown.service if shown is not None and evidence.service(shown.service or "") else None
    if shown is None or start is None:
        return _told(evidence, trace.id, [shown] if shown else [], {})
    paths = _paths(evidence, start)
    return _told(evidence, trace.id, [*_along(evidence, paths, start), shown], paths, start)


def _along(evidence: Evidence, paths: Paths, start: str) -> Iterator[Cause]:
    for name in paths:
        if (service := evidence.service(name)) is not None:
            yield from of_service(evidence, service)
    for edge in _edges(evidence, paths, start):
        yield from of_edge(evidence, edge)
    if slow := slow_hop(evidence, start, paths):
        yield slow


def _edges(evidence: Evidence, paths: Paths, start: str | None) -> Iterator[EdgeNumbers]:
    """Those that lead to `start`, and those between what it reaches."""
    for edge in evidence.edges:
        if edge.callee in paths and (edge.caller in paths or edge.callee == start or start is None):
            yield edge


# --- what is told -------------------------------------------------------------------------------------------------


def _told(evidence: Evidence, target: str, found: Iterable[Cause], paths: Paths, start: str | None = None) -> Diagnosis:
    causes = _ordered(evidence, _distinct(found), paths)
    edges = list(_edges(evidence, paths, start))
    if not causes:
        causes = list(_not_known(evidence, edges, start))
    causes = [with_reloads(evidence, cause) for cause in causes]
    first = causes[0] if causes else None
    path = paths.get(first.service, ()) if first is not None and first.service else ()
    return Diagnosis(
        target=target,
        healthy=first is None,
        summary=_summary(evidence, target, first, path, edges, paths),
        causes=tuple(causes),
        path=path,
        looked_at=(*evidence.looked_at, *evidence.missing),
        edges={edge.name: edge_words(edge) for edge in edges},
    )


def _distinct(found: Iterable[Cause]) -> list[Cause]:
    """One of a kind for each service: the one that is surest, and of these the one with most facts."""
    best: dict[tuple[str, str | None], Cause] = {}
    for cause in found:
        known = best.get((cause.kind, cause.service))
        if known is None or _surer(cause) < _surer(known):
            best[cause.kind, cause.service] = cause
    return list(best.values())


def _surer(cause: Cause) -> tuple[int, int]:
    return _CONFIDENCE.index(cause.confidence), -len(cause.facts)


def _ordered(evidence: Evidence, causes: list[Cause], paths: Paths) -> list[Cause]:
    """The deepest first. What holds for the whole project comes before all, what follows from others after them, and
    what has been so for long after a fault that was just injected."""
    back = {cause.service for cause in causes if cause.kind in ("recovered", "was_stopped")}
    fault = newest_fault(evidence, causes)

    def rank(cause: Cause) -> tuple[bool, int, bool, int, int]:
        depth = len(paths.get(cause.service, ())) if cause.service else 0
        of_its_end = cause.kind in _OF_ITS_END and cause.service in back
        return (
            cause.service is not None,
            _AFTER["slow_hop"] if of_its_end else _AFTER.get(cause.kind, 0),
            fault is not None and is_older(evidence, cause, fault),
            -depth,
            _CONFIDENCE.index(cause.confidence),
        )

    return sorted(causes, key=rank)


def _not_known(evidence: Evidence, edges: list[EdgeNumbers], start: str | None) -> Iterator[Cause]:
    """Something is wrong, and no function could show why."""
    worst_first = sorted(edges, key=lambda one: -one.rate(Metric.ERRORS))
    failing = [edge for edge in worst_first if edge.share(Metric.ERRORS) > FAILS]
    if over := next(filter(None, (fault_over(evidence, edge) for edge in failing)), None):
        yield over
        return
    for edge in failing:
        yield _unknown(
            edge.callee,
            f"{percent(edge.share(Metric.ERRORS))} of {edge.caller}'s requests to {edge.callee} fail",
            (edge_words(edge), *(f"{requests(rate)}: {_flags_words(flags)}" for flags, rate in edge.flags.items())),
        )
        return
    objective = evidence.objectives.get(start or "")
    limit = objective.latency.get("p99") if objective is not None else None
    found = p99(evidence, start) if start is not None else None
    if start is not None and limit is not None and found is not None and found > limit * 1000:
        words = f"{start} is slower than its objective: p99 is {milliseconds(found)}, not {milliseconds(limit * 1000)}"
        yield _unknown(start, words, ())


def _flags_words(flags: str) -> str:
    return " and ".join(map(flag_words, flags.split(",")))


def _unknown(service: str, what: str, facts: tuple[str, ...]) -> Cause:
    return Cause(
        kind="unknown",
        service=service,
        message=f"{what}; why is not known",
        facts=facts,
        command=f"sandbox logs {service} --tail 20",
        confidence=Confidence.UNKNOWN,
    )


def _summary(
    evidence: Evidence,
    target: str,
    first: Cause | None,
    path: tuple[str, ...],
    edges: list[EdgeNumbers],
    paths: Paths,
) -> str:
    if first is not None:
        likely = "likely: " if first.confidence is Confidence.LIKELY else ""
        way = f" ({' → '.join(path)})" if len(path) > 1 else ""
        return f"{likely}{first.message}{way}"
    asked = sum(edge.rate(Metric.REQUESTS) for edge in edges)
    traffic = f"{requests(asked)}, hardly any of which failed," if asked else "there was no traffic to see"
    unseen = ", but not everything could be looked at" if evidence.missing else ""
    others = len(paths) - 1
    whom = f"{target} and the {others} services it calls" if others > 0 and target in paths else target
    return f"nothing is wrong with {whom} that could be seen: {traffic} in the last {evidence.seconds:.0f} s{unseen}"


def edge_words(edge: EdgeNumbers) -> str:
    """ "12 requests a second, 20 % fail, p99 430 ms"."""
    if not edge.rate(Metric.REQUESTS):
        return "no requests"
    parts = [requests(edge.rate(Metric.REQUESTS))]
    if failed := edge.share(Metric.ERRORS):
        parts.append(f"{percent(failed)} fail")
    if (slow := edge.latency(Metric.P99)) is not None:
        parts.append(f"p99 {milliseconds(slow)}")
    for metric, word in _TOLD.items():
        if rate := edge.rate(metric):
            parts.append(counted(rate, word))
    return ", ".join(parts)


_TOLD = {
    Metric.FAULTS: "injected faults",
    Metric.TIMEOUTS: "time-outs",
    Metric.RETRIES: "retries",
    Metric.OVERFLOWS: "refusals of an open circuit",
    Metric.RATE_LIMITED: "refusals of a rate limit",
    Metric.DENIED: "denials",
}
