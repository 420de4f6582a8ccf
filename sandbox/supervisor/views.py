"""What screens are shown, made from what is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

from sandbox.control import InstanceStatus, ServiceStatus, Status
from sandbox.model import AppProtocol, Port, Service
from sandbox.supervisor.desired import Desired, VersionKey, seat
from sandbox.supervisor.plan import waits_for
from sandbox.supervisor.rollout import free_numbers
from sandbox.supervisor.state import LIVE, ClusterState, InstanceState, VersionState
from sandbox.supervisor.wiring import Ingress

WORST_FIRST = (
    Status.FAILED,
    Status.BACKOFF,
    Status.UNHEALTHY,
    Status.BUILDING,
    Status.PENDING,
    Status.STARTING,
    Status.STOPPING,
    Status.STOPPED,
    Status.HEALTHY,
)
"""A service is as well as the least well of its instances."""

SERVES_ON = "; the previous one serves on"

_NO_GOOD = (Status.BACKOFF, Status.FAILED, Status.UNHEALTHY)


def services(desired: Desired, state: ClusterState, ingress: Ingress) -> tuple[ServiceStatus, ...]:
    return tuple(_service(service, desired, state, ingress) for service in desired.project.services.values())


def _service(service: Service, desired: Desired, state: ClusterState, ingress: Ingress) -> ServiceStatus:
    instances = _instances(service, desired, state)
    status, reason = _overall(service, instances, desired, state)
    return ServiceStatus(
        name=service.name,
        status=status,
        reason=reason,
        url=f"http://{service.name}.localhost:{ingress.gateway}/" if service.public else None,
        ports=tuple(port_text(port, ingress.published.get((service.name, port.number))) for port in service.ports),
        versions=tuple(version.name for version in service.versions),
        depends_on=service.callees,
        replicas=sum(desired.replicas(service, version) for version in service.versions),
        ready=sum(instance.ready for instance in state.of_service(service.name)),
        instances=instances,
    )


def port_text(port: Port, published_on: int | None) -> str:
    """As a person declares it, "8000", "5432/tcp", "18000:8000", but with the port that it is really published on."""
    published = f"{published_on}:" if published_on is not None else ""
    protocol = "" if port.protocol is AppProtocol.HTTP else f"/{port.protocol}"
    return f"{published}{port.number}{protocol}"


def _instances(service: Service, desired: Desired, state: ClusterState) -> tuple[InstanceStatus, ...]:
    """Known ones and those still to come, by version in the order of the file; then those that are leaving."""
    rows, leaving = [], []
    for version in service.versions:
        key = VersionKey(service.name, version.name)
        known = sorted((one for one in state.of_service(service.name) if one.key == key), key=lambda one: one.index)
        staying = [one for one in known if one.status is not Status.STOPPING]
        leaving += [one for one in known if one.status is Status.STOPPING]
        missing = max(0, desired.replicas(service, version) - len(staying))
        numbers = islice(free_numbers([one.index for one in known]), missing)
        rows += [_known(one, state) for one in staying]
        rows += [_pending(seat(key, number).id, key, desired, state) for number in numbers]
    versions = {version.name for version in service.versions}
    leaving += [one for one in state.of_service(service.name) if one.version not in versions]
    return (*rows, *(_known(one, state) for one in leaving))


def _known(instance: InstanceState, state: ClusterState) -> InstanceStatus:
    port = next(iter(instance.ports.values()), None)
    return InstanceStatus(
        id=instance.id,
        version=instance.version,
        status=instance.status,
        address=f"{instance.host}:{port}" if port is not None and instance.host else None,
        pid=instance.pid,
        container=instance.container,
        start=instance.start,
        restarts=instance.restarts,
        started_at=_rfc3339(instance.started_at) if instance.started_at is not None else None,
        reason=_reason(instance, state),
    )


def _reason(instance: InstanceState, state: ClusterState) -> str | None:
    """Of one that keeps ending, how it did last, whatever it is at now; and whether another serves in its place."""
    if instance.status not in _NO_GOOD and instance.ended is None:
        return instance.reason
    reason = instance.reason or ""
    if instance.status is Status.STARTING:
        reason = f"starts again after it ended: {instance.ended}"
    serves = any(
        one.ready and one.key == instance.key and one.generation < instance.generation
        for one in state.instances.values()
    )
    return f"{instance.ended or reason}{SERVES_ON}" if serves else reason


def _pending(name: str, key: VersionKey, desired: Desired, state: ClusterState) -> InstanceStatus:
    status, reason = _before_start(key, desired, state)
    return InstanceStatus(
        id=name,
        version=key.version,
        status=status,
        address=None,
        pid=None,
        container=None,
        start=None,
        restarts=0,
        started_at=None,
        reason=reason,
    )


def _before_start(key: VersionKey, desired: Desired, state: ClusterState) -> tuple[Status, str | None]:
    version = state.versions.get(key)
    match version:
        case VersionState(status=Status.FAILED, reason=reason):
            return Status.FAILED, reason
        case VersionState(status=Status.BUILDING):
            return Status.BUILDING, "is being prepared"
    return Status.PENDING, waits_for(key.service, desired, state)


def _overall(
    service: Service, instances: tuple[InstanceStatus, ...], desired: Desired, state: ClusterState
) -> tuple[Status, str | None]:
    broken = [
        f"{version.reason}{SERVES_ON if any(one.ready and one.key == key for one in state.instances.values()) else ''}"
        for key, version in state.versions.items()
        if key.service == service.name and version.status is Status.FAILED
    ]
    if service.external is not None:
        return Status.HEALTHY, f"outside: {service.external.url}"
    if not instances:
        by_hand = service.name in desired.wishes.stopped
        return Status.STOPPED, "stopped by hand" if by_hand else "scaled to 0"
    if broken:
        return Status.FAILED, broken[0]
    building = [
        key
        for key, version in state.versions.items()
        if key.service == service.name and version.status is Status.BUILDING
    ]
    if building and any(instance.status in LIVE for instance in instances):
        return Status.BUILDING, _being_prepared(building, state)
    worst = min(instances, key=lambda instance: WORST_FIRST.index(instance.status))
    return worst.status, worst.reason


def _being_prepared(building: Sequence[VersionKey], state: ClusterState) -> str:
    if any(one.key in building and one.ready for one in state.instances.values()):
        return "is being prepared anew; the previous one serves meanwhile"
    return f"{' and '.join(key.version for key in building)} is being prepared"


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
