"""What to do next: the difference between the desired and the known state, as actions. Pure.

The planner looks at the whole each time and never remembers anything: whatever happened in between (a crash, a
command, a changed file), the next plan starts from what is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.control import Status
from sandbox.model import Condition, Dependency
from sandbox.supervisor.desired import Desired, VersionKey, WantedInstance
from sandbox.supervisor.state import LIVE, ClusterState, InstanceState


@dataclass(frozen=True, slots=True)
class Target:
    """What a version should be: `workload` changes when it must be prepared anew, `fingerprint` when its instances
    must be replaced (None as long as it is not prepared)."""

    workload: str
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Prepare:
    key: VersionKey
    workload: str
    generation: int


@dataclass(frozen=True, slots=True)
class Start:
    wanted: WantedInstance
    fingerprint: str
    generation: int


@dataclass(frozen=True, slots=True)
class Stop:
    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop what is known of an instance that does not run and is not wanted."""

    instance: str


@dataclass(frozen=True, slots=True)
class ForgetVersion:
    key: VersionKey


Action = Prepare | Start | Stop | Forget | ForgetVersion


def plan(desired: Desired, state: ClusterState, targets: Mapping[VersionKey, Target], now: float) -> tuple[Action, ...]:
    """Every action that can be taken now. Taking them and folding what comes of it leads to an empty plan."""
    wanted = desired.instances()
    return (
        *_prepare(desired, state, targets, wanted.values()),
        *_remove(state, targets, wanted),
        *_replace(desired, state, targets, wanted),
        *_start(desired, state, targets, wanted.values(), now),
    )


def next_deadline(state: ClusterState, now: float) -> float | None:
    """When the plan may change by itself, in seconds since the epoch. What is due already waits for a fact."""
    waiting = (i.retry_at for i in state.instances.values() if i.status is Status.BACKOFF and i.retry_at is not None)
    return min((at for at in waiting if at > now), default=None)


def _prepare(
    desired: Desired,
    state: ClusterState,
    targets: Mapping[VersionKey, Target],
    wanted: Iterable[WantedInstance],
) -> Iterator[Action]:
    for key in dict.fromkeys(VersionKey(one.service, one.version) for one in wanted):
        known, generation = state.versions.get(key), desired.generation(key.service)
        if known is None or (
            known.status is not Status.BUILDING
            and (known.workload != targets[key].workload or known.generation < generation)
        ):
            yield Prepare(key, targets[key].workload, generation)


def _remove(
    state: ClusterState, targets: Mapping[VersionKey, Target], wanted: Mapping[str, WantedInstance]
) -> Iterator[Action]:
    for instance in state.instances.values():
        if instance.id in wanted:
            continue
        if instance.status in LIVE:
            yield Stop(instance.id, "is no longer wanted")
        elif instance.status is not Status.STOPPING:
            yield Forget(instance.id)
    for key in state.versions:
        if key not in targets:
            yield ForgetVersion(key)


def _replace(
    desired: Desired,
    state: ClusterState,
    targets: Mapping[VersionKey, Target],
    wanted: Mapping[str, WantedInstance],
) -> Iterator[Action]:
    """Stop what was started from something else than is wanted now, one ready replica of a service at a time."""
    leaving: set[str] = set()
    for instance in state.instances.values():
        if instance.id not in wanted or instance.status not in LIVE or not _outdated(instance, desired, targets):
            continue
        if instance.ready and (instance.service in leaving or not _can_spare(instance, state, wanted)):
            continue
        leaving.add(instance.service)
        yield Stop(instance.id, _why_replaced(instance, desired))


def _outdated(instance: InstanceState, desired: Desired, targets: Mapping[VersionKey, Target]) -> bool:
    fingerprint = targets[instance.key].fingerprint
    if fingerprint is None:
        return False  # being prepared: the old one serves until the new one can start
    return instance.fingerprint != fingerprint or instance.generation < desired.generation(instance.service)


def _can_spare(instance: InstanceState, state: ClusterState, wanted: Mapping[str, WantedInstance]) -> bool:
    """Whether every other wanted replica of the version is ready; a single one has to be replaced in place."""
    replicas = sum(VersionKey(one.service, one.version) == instance.key for one in wanted.values())
    ready = sum(i.ready for i in state.instances.values() if i.key == instance.key)
    return ready >= replicas


def _why_replaced(instance: InstanceState, desired: Desired) -> str:
    restart = instance.generation < desired.generation(instance.service)
    return "is restarted" if restart else "its configuration changed"


def _start(
    desired: Desired,
    state: ClusterState,
    targets: Mapping[VersionKey, Target],
    wanted: Iterable[WantedInstance],
    now: float,
) -> Iterator[Action]:
    for one in wanted:
        target = targets[VersionKey(one.service, one.version)]
        if target.fingerprint is not None and _may_start(one, desired, state, target, now):
            yield Start(one, target.fingerprint, desired.generation(one.service))


def _may_start(one: WantedInstance, desired: Desired, state: ClusterState, target: Target, now: float) -> bool:
    known = state.instances.get(one.id)
    if known is None:
        return waits_for(one.service, desired, state) is None
    changed = known.generation < desired.generation(one.service) or known.fingerprint != target.fingerprint
    if known.status is Status.BACKOFF:
        return changed or known.retry_at is None or known.retry_at <= now
    return changed and known.status in (Status.STOPPED, Status.FAILED)


def waits_for(service: str, desired: Desired, state: ClusterState) -> str | None:
    """Why a service can't start yet, naming the guilty dependency; None when nothing is in the way."""
    for dependency in desired.project.services[service].depends_on:
        if dependency.service not in desired.wishes.stopped and (why := _unmet(dependency, state)) is not None:
            return why
    return None


def _unmet(dependency: Dependency, state: ClusterState) -> str | None:
    instances = state.of_service(dependency.service)
    name = dependency.service
    match dependency.condition:
        case Condition.STARTED:
            met, what = any(i.status is not Status.PENDING for i in instances), "to start"
        case Condition.HEALTHY:
            met, what = any(i.ready for i in instances), "to be healthy"
        case Condition.COMPLETED:
            met, what = any(i.completed for i in instances), "to finish"
    if met:
        return None
    guilty = next((i for i in instances if i.reason), None)
    state_of_it = f" ({guilty.status}: {guilty.reason})" if guilty else _build_state(name, state)
    return f"waits for {name} {what}{state_of_it}"


def _build_state(service: str, state: ClusterState) -> str:
    for key, version in state.versions.items():
        if key.service == service and version.status is not Status.HEALTHY:
            return f" ({version.status})"
    return ""
