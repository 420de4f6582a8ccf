"""Steering put together: the file's words, the proxy, numbers and recorded requests, as it needs them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.config.traffic.document import document
from sandbox.control import (
    GoldenSignals,
    Metric,
    MetricsAnswer,
    MetricsControl,
    MetricsQuery,
    RequestHead,
    TrafficControl,
)
from sandbox.daemon.notices import Notices
from sandbox.errors import ProxyError, RefusedPolicyError, SandboxError
from sandbox.events import Bus, Kind
from sandbox.model import Project
from sandbox.model.records import RequestRecord
from sandbox.paths import ProjectPaths
from sandbox.proxy.topology import Topology
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.proxy import ProxyKeeper
from sandbox.supervisor.state import ClusterState
from sandbox.supervisor.steering.control import Steering
from sandbox.supervisor.steering.means import Documents, Means, Policies
from sandbox.supervisor.wiring import with_policies
from sandbox.tasks import Tasks
from sandbox.traffic.revisions import RevisionStore
from sandbox.traffic.whatif import Recorded

_IN_FORCE_WITHIN = 5.0
"""Seconds a change waits for the proxy before it is answered with a remark."""

_TAKEN = "address_taken"
"""Of `proxy.control_plane.AddressTakenError`, which is still to be imported."""

_GOLDEN = (Metric.REQUESTS, Metric.ERRORS, Metric.P50, Metric.P99)
_IN_MEMORY = Path(":memory:")


class SteeredProxy:
    """What the proxy serves, with the policies that are in force instead of the file's."""

    def __init__(self, keeper: ProxyKeeper) -> None:
        self._keeper = keeper
        self._wired: Topology | None = None
        self._policies: Policies = {}

    @property
    def policies(self) -> Policies:
        """In force."""
        return self._policies

    async def refusal(self) -> RefusedPolicyError | None:
        """As `late.Refusal`."""
        if not await self._keeper.confirmed(_IN_FORCE_WITHIN):
            return None
        refusal = self._keeper.refusal
        return refusal if isinstance(refusal, RefusedPolicyError) else None

    def publish(self, wired: Topology, policies: Policies) -> None:
        self._wired, self._policies = wired, policies
        self._keeper.publish(topology=with_policies(wired, policies))

    async def enforce(self, policies: Policies) -> str:
        """As `Means.enforce`."""
        return await self.offer(self._wired, policies) if self._wired is not None else ""

    async def offer(self, wired: Topology, policies: Policies) -> str:
        """Serve both, or, with a ProxyError, what was served before. A remark when the proxy has not answered."""
        before, policies_before = self._wired, self._policies
        self.publish(wired, policies)
        if not await self._keeper.confirmed(_IN_FORCE_WITHIN):
            return "the proxy has not confirmed it yet; it is in force as soon as the proxy serves"
        refusal = self._keeper.refusal
        if refusal is None or (refusal.code == _TAKEN and wired is not before):  # a port is tried again each time
            return ""
        if before is not None:
            self.publish(before, policies_before)
            await self._keeper.settled(_IN_FORCE_WITHIN)
        if isinstance(refusal, RefusedPolicyError) or refusal.code == _TAKEN:
            raise refusal
        raise ProxyError(f"refused it: {refusal}", place="Envoy", hint="nothing was changed; correct the policy")


@dataclass(frozen=True, slots=True)
class _Wiring:
    """Implements `Serving` for a project that was read."""

    proxy: SteeredProxy
    wired: Topology

    def publish(self, policies: Policies) -> None:
        self.proxy.publish(self.wired, policies)

    async def offer(self, policies: Policies) -> None:
        await self.proxy.offer(self.wired, policies)


class Numbers:
    """Golden signals out of the metrics, once there are any."""

    def __init__(self) -> None:
        self.metrics: MetricsControl | None = None

    async def golden(self, service: str, version: str | None, since: float) -> GoldenSignals | None:
        """As `Means.golden`."""
        if self.metrics is None:
            return None
        until = time.time()
        since = min(math.ceil(since), until - 1.0)  # numbers are kept by the second
        span = until - since
        query = MetricsQuery(metrics=_GOLDEN, callee=service, version=version, since=since, until=until, whole=True)
        try:
            return _signals(await self.metrics.query(query), span)
        except SandboxError:  # no numbers yet
            return None


def _signals(answer: MetricsAnswer, span: float) -> GoldenSignals | None:
    values = {series.metric: series.values[0] for series in answer.series}
    requests = values.get(Metric.REQUESTS)
    if not requests:
        return None
    return GoldenSignals(
        seconds=span,
        requests_per_second=requests,
        error_ratio=(values.get(Metric.ERRORS) or 0.0) / requests,
        p50=values.get(Metric.P50),
        p99=values.get(Metric.P99),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What steering stands between."""

    paths: ProjectPaths
    cluster: Cluster
    keeper: ProxyKeeper
    bus: Bus
    notices: Notices
    tasks: Tasks
    recorded: Callable[[], Sequence[RequestRecord]]  # the oldest first


class TrafficSide:
    """`begin` once, `serve` whenever the project was read; `measure` once there are metrics."""

    def __init__(self, around: Around) -> None:
        self._bus, self._tasks = around.bus, around.tasks
        self._proxy = SteeredProxy(around.keeper)
        self._numbers = Numbers()
        self._store = _store(around.paths, around.notices)
        means = Means(
            project=lambda: around.cluster.desired.project,
            parse=_parse,
            document=document,
            enforce=self._proxy.enforce,
            ready=lambda: ready_versions(around.cluster.state),
            golden=self._numbers.golden,
            recorded=lambda: recorded_heads(around.recorded()),
            recorded_headers=_recorded_headers,
            save=lambda documents: _save(around.cluster.desired.project, documents),
            bus=around.bus,
        )
        self._steering = Steering(means, self._store, around.tasks)
        self.control: TrafficControl = self._steering

    async def begin(self, project: Project, wired: Topology) -> ProxyError | None:
        """What Envoy refuses of the file's policies, if anything; the rest is in force."""
        refusal = await self._steering.begin(project, _Wiring(self._proxy, wired))
        self._tasks.spawn(self._hear_of_refusals(), name="hear of late refusals")
        return refusal

    async def _hear_of_refusals(self) -> None:
        with self._bus.subscribe() as subscription:
            async for event in subscription:
                if event.kind is Kind.PROXY_REFUSED:
                    await self._steering.refused(self._proxy.refusal)

    async def serve(self, project: Project, wired: Topology) -> None:
        """ProxyError when Envoy refuses that: nothing has changed."""
        await self._steering.read(project, _Wiring(self._proxy, wired))

    @property
    def policies(self) -> Policies:
        """In force, by the service that is called."""
        return self._proxy.policies

    def measure(self, metrics: MetricsControl) -> None:
        self._numbers.metrics = metrics

    def close(self) -> None:
        self._store.close()


def _store(paths: ProjectPaths, notices: Notices) -> RevisionStore:
    """A disk that is full or read-only keeps no project from running: what is changed is then known to us alone."""
    try:
        return RevisionStore(paths.revisions, notices.warn)
    except SandboxError as error:
        notices.warn(f"{error}; changes of traffic are forgotten when the supervisor ends")
        return RevisionStore(_IN_MEMORY, notices.warn)


# What understands the file is the longest of our imports, and the services need not wait for it.


def _parse(project: Project, documents: Documents) -> Policies:
    from sandbox.config.traffic.policies import parse_policies

    return parse_policies(documents, project)


def _save(project: Project, documents: Documents) -> Path:
    from sandbox.config.save import save_traffic

    return save_traffic(project, documents)


def _recorded_headers() -> frozenset[str]:
    from sandbox.proxy.accesslog import HEADERS  # Envoy's messages, which the services need not wait for

    return frozenset(HEADERS)


def recorded_heads(records: Sequence[RequestRecord]) -> tuple[Recorded, ...]:
    """Of those that went to a service."""
    return tuple(one for record in records if (one := _recorded(record)) is not None)


def _recorded(record: RequestRecord) -> Recorded | None:
    from sandbox.telemetry.traces.hops import way_of

    if (way := way_of(record.cluster)) is None:
        return None
    head = RequestHead(
        service=way.callee, method=record.method, path=record.path, headers=record.headers, caller=way.caller
    )
    return Recorded(at=record.at, head=head)


def ready_versions(state: ClusterState) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for instance in state.instances.values():
        if instance.ready:
            found.setdefault(instance.service, set()).add(instance.version)
    return {service: frozenset(versions) for service, versions in found.items()}
