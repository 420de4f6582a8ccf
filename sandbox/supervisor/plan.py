"""What to do next: the difference between the desired and the known state, as actions. Pure.

The planner looks at the whole each time and never remembers anything: whatever happened in between (a crash, a
command, a changed file), the next plan starts from what is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sandbox.control import Status
from sandbox.model import Condition, Dependency
from sandbox.supervisor.desired import Desired, VersionKey
from sandbox.supervisor.rollout import Forget, Scene, Start, Stop, Target, roll
from sandbox.supervisor.state import FRUITLESS, LIVE, ClusterState, InstanceState, still_waits


@dataclass(frozen=True, slots=True)
class Prepare:
    key: VersionKey
    workload: str
    generation: int


@dataclass(frozen=True, slots=True)
class ForgetVersion:
    key: VersionKey


Action = Prepare | Start | Stop | Forget | ForgetVersion


def plan(desired: Desired, state: ClusterState, targets: Mapping[VersionKey, Target], now: float) -> tuple[Action, ...]:
    """Every action that can be taken now. Taking them and folding what comes of it leads to an empty plan."""
    return (
        *_prepare(desired, state, targets),
        *_remove(state, targets),
        *(action for scene in _scenes(desired, state, targets, now) for action in roll(scene)),
    )


def retries(
    services: Collection[str], desired: Desired, state: ClusterState, targets: Mapping[VersionKey, Target]
) -> Iterator[Action]:
    """To try anew, from preparing on, what failed of these services or waits for its next start. What serves stays."""
    for key, count in desired.counts().items():
        if key.service in services:
            fruitless = [one for one in state.of(key) if one.status in FRUITLESS]
            yield from (Forget(one.id) for one in fruitless)
            status = known.status if (known := state.versions.get(key)) is not None else Status.BUILDING
            if count and (status is Status.FAILED or (fruitless and status is not Status.BUILDING)):
                yield Prepare(key, targets[key].workload, desired.generation(key))


def next_deadline(state: ClusterState, now: float) -> float | None:
    """When the plan may change by itself, in seconds since the epoch. What is due already waits for a fact."""
    waiting = (i.retry_at for i in state.instances.values() if i.status is Status.BACKOFF and i.retry_at is not None)
    return min((at for at in waiting if still_waits(at, now)), default=None)


def _prepare(desired: Desired, state: ClusterState, targets: Mapping[VersionKey, Target]) -> Iterator[Action]:
    for key, count in desired.counts().items():
        known, generation = state.versions.get(key), desired.generation(key)
        if count and (
            known is None
            or (
                known.status is not Status.BUILDING
                and (known.workload != targets[key].workload or known.generation < generation)
            )
        ):
            yield Prepare(key, targets[key].workload, generation)


def _remove(state: ClusterState, targets: Mapping[VersionKey, Target]) -> Iterator[Action]:
    """What belongs to versions that are no longer in the project."""
    for instance in state.instances.values():
        if instance.key not in targets:
            if instance.status in LIVE:
                yield Stop(instance.id, "is no longer wanted")
            elif instance.status is not Status.STOPPING:
                yield Forget(instance.id)
    yield from (ForgetVersion(key) for key in state.versions if key not in targets)


def _scenes(desired: Desired, state: ClusterState, targets: Mapping[VersionKey, Target], now: float) -> Iterator[Scene]:
    known: dict[VersionKey, list[InstanceState]] = {}
    for instance in state.instances.values():
        known.setdefault(instance.key, []).append(instance)
    for key, count in desired.counts().items():
        yield Scene(
            key=key,
            count=count,
            target=targets[key],
            generation=desired.generation(key),
            known=known.get(key, ()),
            may_begin=waits_for(key.service, desired, state) is None,
            now=now,
            by_hand=key.service in desired.wishes.stopped,
        )


def waits_for(service: str, desired: Desired, state: ClusterState) -> str | None:
    """Why a service can't start yet, naming the guilty dependency; None when nothing is in the way. As in Compose, one
    that is to have no instances, stopped by hand or scaled to none, holds nobody up."""
    for dependency in desired.project.services[service].depends_on:
        if desired.has_instances(dependency.service) and (why := _unmet(dependency, state)) is not None:
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
