"""The control protocols, implemented where the state is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from sandbox.control import (
    AlertsControl,
    Control,
    DiagnosisControl,
    ExecSpec,
    LoadControl,
    LogCounts,
    LogLine,
    LogQuery,
    MetricsControl,
    ProjectStatus,
    ReloadTicket,
    TelemetrySnapshot,
    TracesControl,
    TrafficControl,
    UpRequest,
)
from sandbox.errors import NotFoundError, UsageError
from sandbox.events import Bus, Event, Kind
from sandbox.model import Project, Service
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.desired import Desired, VersionKey, Wishes
from sandbox.supervisor.state import LIVE

MOST_REPLICAS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where answers come from that are not the cluster's own."""

    status: Callable[[], ProjectStatus]
    served: Callable[[], Awaitable[None]]  # until the proxy serves what is known now
    logs: Callable[[LogQuery], AsyncIterator[LogLine]]
    log_counts: Callable[[], Sequence[LogCounts]]
    telemetry: Callable[[], TelemetrySnapshot]
    exec_spec: Callable[[str, Sequence[str]], ExecSpec]
    reload: Callable[[frozenset[VersionKey]], None]
    watch: Callable[[bool], None]
    apply: Callable[[UpRequest], Awaitable[None]]
    down: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What has a protocol of its own."""

    traffic: TrafficControl
    metrics: MetricsControl
    traces: TracesControl
    alerts: AlertsControl
    diagnosis: DiagnosisControl
    load: LoadControl


class LocalControl(Control):
    """Implements `sandbox.control.Control` in the supervisor's process."""

    def __init__(self, cluster: Cluster, bus: Bus, sources: Sources, parts: Parts) -> None:
        self._cluster = cluster
        self._bus = bus
        self._sources = sources
        self._parts = parts

    @property
    def traffic(self) -> TrafficControl:
        return self._parts.traffic

    @property
    def metrics(self) -> MetricsControl:
        return self._parts.metrics

    @property
    def traces(self) -> TracesControl:
        return self._parts.traces

    @property
    def alerts(self) -> AlertsControl:
        return self._parts.alerts

    @property
    def diagnosis(self) -> DiagnosisControl:
        return self._parts.diagnosis

    @property
    def load(self) -> LoadControl:
        return self._parts.load

    # --- status -------------------------------------------------------------------------------------------------

    async def status(self) -> ProjectStatus:
        """What is healthy here is also in force at the proxy: whoever reads "healthy" may send requests."""
        self._cluster.reconcile()
        status = self._sources.status()
        await self._sources.served()
        return status

    async def events(self, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        with self._bus.subscribe() as subscription:
            for event in self._bus.history(after):
                yield event
            if not follow:
                return
            async for event in subscription:
                yield event

    async def telemetry(self) -> TelemetrySnapshot:
        return self._sources.telemetry()

    async def logs(self, query: LogQuery) -> AsyncIterator[LogLine]:
        self._services(query.services)
        async for line in self._sources.logs(query):
            yield line

    async def log_counts(self) -> Sequence[LogCounts]:
        return self._sources.log_counts()

    # --- lifecycle ----------------------------------------------------------------------------------------------

    async def start(self, services: Sequence[str] = ()) -> None:
        names = self._services(services)
        self._wish(self._wishes.with_started(names))
        self._cluster.retry(names)

    async def stop(self, services: Sequence[str] = ()) -> None:
        self._wish(self._wishes.with_stopped(self._services(services)))

    async def restart(self, services: Sequence[str] = ()) -> None:
        names = self._services(services)
        self._wish(self._wishes.with_started(names).restarted(names))
        for name in sorted(names):
            self._say(Kind.SERVICE_RESTARTED, f"{name} is restarted", name)

    async def scale(self, service: str, replicas: int, version: str | None = None) -> None:
        if not 0 <= replicas <= MOST_REPLICAS:
            raise UsageError(
                f"can't have {replicas} replicas", place=service, hint=f"choose a number from 0 to {MOST_REPLICAS}"
            )
        (name,) = self._services([service])
        if self._project_service(name).external is not None:
            raise UsageError(
                "is a host outside, of which nothing runs here", place=service, hint="scale another service"
            )
        key = VersionKey(name, self._version(self._project_service(name), version))
        self._wish(self._wishes.with_started(frozenset({name})).scaled(key, replicas))
        self._say(Kind.SERVICE_SCALED, f"{key} is scaled to {replicas}", name)

    async def reload(self, service: str, version: str | None = None) -> ReloadTicket:
        (name,) = self._services([service])
        known = self._project_service(name)
        versions = [one.name for one in known.versions] if version is None else [self._version(known, version)]
        counts = self._cluster.desired.counts()
        keys = frozenset(key for one in versions if counts[key := VersionKey(name, one)])
        if not keys:
            raise UsageError("is stopped", place=name, hint=f"start it: sandbox start {name}")
        after = self._bus.sequence
        self._sources.reload(keys)
        generations = {key.version: self._cluster.desired.generation(key) for key in keys}
        return ReloadTicket(service=name, generations=generations, after=after)

    async def watch(self, on: bool) -> None:
        self._sources.watch(on)

    async def down(self) -> None:
        self._sources.down()

    # --- configuration and the inside of instances --------------------------------------------------------------

    async def apply(self, request: UpRequest) -> None:
        await self._sources.apply(request)

    async def exec_spec(self, target: str, argv: Sequence[str]) -> ExecSpec:
        return self._sources.exec_spec(self._instance(target), argv)

    # --- names --------------------------------------------------------------------------------------------------

    @property
    def _wishes(self) -> Wishes:
        return self._cluster.desired.wishes

    def _wish(self, wishes: Wishes) -> None:
        self._cluster.wish(Desired(project=self._cluster.desired.project, wishes=wishes))

    def _project_service(self, name: str) -> Service:
        return self._cluster.desired.project.services[name]

    def _services(self, names: Sequence[str]) -> frozenset[str]:
        known = self._cluster.desired.project.services
        for name in names:
            if name not in known:
                raise NotFoundError("no such service", place=name, hint=f"there are {', '.join(known)}")
        return frozenset(names or known)

    def _version(self, service: Service, version: str | None) -> str:
        names = [one.name for one in service.versions]
        if version is None and len(names) == 1:
            return names[0]
        if version in names:
            return str(version)
        place = f"{service.name}@{version}" if version else service.name
        what = "no such version" if version else "has several versions"
        raise UsageError(what, place=place, hint=f"name one: {', '.join(f'{service.name}@{name}' for name in names)}")

    def _instance(self, target: str) -> str:
        instances = self._cluster.state.instances
        if target in instances and instances[target].status in LIVE:
            return target
        if target in instances or target in self._cluster.desired.project.services:
            for instance in self._cluster.state.of_service(target):
                if instance.status in LIVE:
                    return instance.id
            raise UsageError("is not running", place=target, hint="see why: sandbox ps")
        names = ", ".join(self._cluster.desired.project.services)
        raise NotFoundError("no such service or instance", place=target, hint=f"there are {names}")

    def _say(self, kind: Kind, message: str, service: str) -> None:
        self._bus.publish(Event(kind=kind, message=message, service=service))


def reconfigured(desired: Desired, project: Project) -> Desired:
    """What the file says now. As in Compose, `up` undoes what was scaled or stopped by hand."""
    generations = {name: count for name, count in desired.wishes.generations.items() if name in project.services}
    return Desired(project=project, wishes=Wishes(generations=generations, reloads=desired.wishes.reloads))
