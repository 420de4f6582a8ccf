"""Gathers the evidence for `why`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sandbox.control import (
    Diagnosis,
    DiagnosisControl,
    InstanceUsage,
    Metric,
    MetricsControl,
    ProjectStatus,
    Trace,
    TracesControl,
)
from sandbox.daemon import numbers
from sandbox.diagnosis import EdgeNumbers, Evidence, diagnose
from sandbox.diagnosis.diagnose import is_url
from sandbox.errors import NotFoundError, SandboxError
from sandbox.events import Bus, Event
from sandbox.model import Project, TrafficPolicy
from sandbox.supervisor import culprit
from sandbox.supervisor.evidence import Printed
from sandbox.telemetry.alerts.fresh import since_change
from sandbox.wording import counted

_T = TypeVar("_T")

SECONDS = 60.0
PAST = 900.0
"""Seconds of events that are looked at."""

_PAST_UNTIL = 300.0
"""Seconds ago at which the past ends that the present is compared with."""

_FEWEST = 100  # requests in it

_FEWEST_SINCE = 20
"""Requests on an edge since a change from which its numbers are those since then."""

_TRACE_ID = frozenset("0123456789abcdef")
_LEAST_OF_A_TRACE = 4
_NO_FLAG = ("", "-")
_IN_CONTAINERS = ("/app", "/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where evidence comes from. metrics and traces: as they are now, for they open late."""

    bus: Bus
    status: Callable[[], ProjectStatus]
    project: Callable[[], Project]
    policies: Callable[[], Mapping[str, TrafficPolicy]]  # in force
    metrics: Callable[[], MetricsControl]
    traces: Callable[[], TracesControl]
    printed: Printed


class Diagnosing(DiagnosisControl):
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def why(self, target: str | None = None) -> Diagnosis:
        trace = await self._trace(target)
        return diagnose(await self._gather(trace), trace.id if trace else target)

    async def _trace(self, target: str | None) -> Trace | None:
        """None for what is no trace. NotFoundError for a name that nobody knows."""
        services = self._sources.project().services
        if target is None or target in services or is_url(target):
            return None
        if len(target) >= _LEAST_OF_A_TRACE and set(target.lower()) <= _TRACE_ID:
            return await self._sources.traces().get(target.lower())
        hint = f"there are {', '.join(services)}; or name a trace id or a URL"
        raise NotFoundError("no such service", place=target, hint=hint)

    async def _gather(self, trace: Trace | None) -> Evidence:
        sources, now = self._sources, time.time()
        missing: list[str] = []

        async def tried(what: str, ask: Awaitable[_T], otherwise: _T) -> _T:
            try:
                return await ask
            except SandboxError as error:
                missing.append(f"{what}: not known ({error})")
                return otherwise

        events = sources.bus.recent(now, PAST)
        edges = await tried("numbers", self._edges(events, now), ())
        past = await tried("numbers of before", self._past(now), {})
        usage = await tried("usage", self._usage(), ())
        project, status = sources.project(), sources.status()
        return Evidence(
            at=now,
            status=status,
            seconds=SECONDS,
            events=events,
            edges=edges,
            policies=sources.policies(),
            declared_only=project.mesh.declared_only,
            objectives={name: service.objectives for name, service in project.services.items()},
            past=past,
            usage=usage,
            errors=self._errors(status, project, {edge.callee for edge in edges}, now),
            trace=trace,
            looked_at=_looked_at(status, events, edges, project, now),
            missing=tuple(missing),
        )

    async def _edges(self, events: Iterable[Event], now: float) -> tuple[EdgeNumbers, ...]:
        """Of the last minute; of those that were asked enough since the last change, of the time since."""
        found = {edge.name: edge for edge in await self._minute(now)}
        if (since := since_change(events, now, SECONDS)) is not None:
            fewest = _FEWEST_SINCE / (since.end - since.start)
            fresh = await self._since(since.start, since.end)
            found |= {edge.name: edge for edge in fresh if edge.rate(Metric.REQUESTS) >= fewest}
        return tuple(found.values())

    async def _since(self, start: float, end: float) -> tuple[EdgeNumbers, ...]:
        wanted = (*numbers.RATES, Metric.P50, Metric.P99)
        ask = partial(numbers.between, self._sources.metrics(), start=start, end=end)
        found = await ask(numbers.EDGE, wanted=wanted)
        flags = _by_edge(await ask((*numbers.EDGE, "flag"), wanted=(Metric.REQUESTS,)))
        codes = _by_edge(await ask((*numbers.EDGE, "code"), wanted=(Metric.REQUESTS,)))
        by_edge = {(caller, callee): values for (caller, callee), values in found.items()}
        return _edge_numbers(by_edge, flags, codes, start)

    async def _minute(self, now: float) -> tuple[EdgeNumbers, ...]:
        metrics = self._sources.metrics()
        found = await numbers.edges(metrics, now=now, seconds=SECONDS)
        flags = await numbers.shares(metrics, "flag", now=now, seconds=SECONDS)
        codes = await numbers.shares(metrics, "code", now=now, seconds=SECONDS)
        return _edge_numbers(found, flags, codes)

    async def _past(self, now: float) -> Mapping[str, float]:
        """p99 by service, of those that were asked enough."""
        asked = await numbers.between(
            self._sources.metrics(),
            ("callee",),
            start=now - PAST,
            end=now - _PAST_UNTIL,
            wanted=(Metric.REQUESTS, Metric.P99),
        )
        fewest = _FEWEST / (PAST - _PAST_UNTIL)
        return {
            name: p99
            for (name,), found in asked.items()
            if (found.get(Metric.REQUESTS) or 0.0) >= fewest and (p99 := found.get(Metric.P99)) is not None
        }

    async def _usage(self) -> tuple[InstanceUsage, ...]:
        return await self._sources.metrics().usage()

    def _errors(self, status: ProjectStatus, project: Project, called: Iterable[str], now: float) -> Mapping[str, str]:
        """The newest error that each service printed lately, with the line of its own code."""
        found = {}
        for service in status.services:
            for instance in service.instances if service.name in set(called) else ():
                lines = self._sources.printed(instance.id, now - SECONDS, culprit.LINES)
                error = culprit.find(lines, _folders(project, service.name, instance.version))
                if error is not None:
                    found[service.name] = str(error)
        return found


def _by_edge(found: Mapping[numbers.Labels, numbers.Numbers]) -> Mapping[numbers.Edge, Mapping[str, float]]:
    by_edge: dict[numbers.Edge, dict[str, float]] = {}
    for (caller, callee, label), values in found.items():
        if rate := values.get(Metric.REQUESTS):
            by_edge.setdefault((caller, callee), {})[label] = rate
    return by_edge


def _edge_numbers(
    found: Mapping[numbers.Edge, numbers.Numbers],
    flags: Mapping[numbers.Edge, Mapping[str, float]],
    codes: Mapping[numbers.Edge, Mapping[str, float]],
    since: float | None = None,
) -> tuple[EdgeNumbers, ...]:
    return tuple(
        EdgeNumbers(
            caller=edge[0],
            callee=edge[1],
            values=values,
            flags={flag: rate for flag, rate in flags.get(edge, {}).items() if flag not in _NO_FLAG},
            codes=codes.get(edge, {}),
            since=since,
        )
        for edge, values in found.items()
    )


def _folders(project: Project, service: str, version: str) -> Sequence[str]:
    try:
        build = project.services[service].version(version).build
    except KeyError:
        build = None
    return (*((str(build.context),) if build is not None else ()), str(project.root), *_IN_CONTAINERS)


def _looked_at(
    status: ProjectStatus, events: Sequence[Event], edges: Sequence[EdgeNumbers], project: Project, now: float
) -> tuple[str, ...]:
    instances = sum(len(service.instances) for service in status.services)
    changed = since_change(events, now, SECONDS) is not None
    since = ", since the last change where that is enough" if changed else ""
    return (
        f"the status of {counted(len(status.services), 'service')} and {counted(instances, 'instance')}",
        f"numbers of {counted(len(edges), 'edge')} in the last {SECONDS:.0f} s{since}",
        f"{counted(len(events), 'event')} of the last {PAST / 60:.0f} minutes",
        counted(len(project.traffic), "traffic policy", "traffic policies"),
        "what the services printed in the last minute",
    )
