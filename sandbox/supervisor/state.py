"""What is known of the cluster, and how facts change it. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sandbox.control import Status
from sandbox.model import RestartPolicy
from sandbox.runtime.base import Artifact, Exit, Running
from sandbox.supervisor.desired import VersionKey, WantedInstance

SETTLED_AFTER = 10.0
"""Seconds after which an end is not counted as part of a crash loop."""

FIRST_DELAY, LONGEST_DELAY = 0.25, 30.0
"""Seconds between an end and the next start: doubled at each end in a row, as Kubernetes and Docker do."""

LIVE = frozenset({Status.STARTING, Status.HEALTHY, Status.UNHEALTHY})
"""Statuses in which a process of the instance runs and is wanted."""

FRUITLESS = frozenset({Status.BACKOFF, Status.FAILED})
"""Statuses in which none runs because of how the last one ended."""


def backoff(streak: int) -> float:
    """Seconds to wait before the start after `streak` short lives in a row."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(streak, 20))


def still_waits(retry_at: float | None, now: float) -> bool:
    """Whether the next start is still to come. One that is farther off than any pause was set by a clock that has been
    set back since."""
    return retry_at is not None and now < retry_at <= now + LONGEST_DELAY


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceState:
    id: str
    service: str
    version: str
    index: int
    status: Status = Status.PENDING
    reason: str | None = None
    ready: bool = False  # takes traffic
    fingerprint: str = ""  # of what it was started with
    generation: int = 0
    ports: Mapping[int, int] = field(default_factory=dict)  # declared port → the one it was given
    host: str = ""
    pid: int | None = None
    container: str | None = None
    started_at: float | None = None  # seconds since the epoch
    start: str | None = None  # cold | warm, how its process came to be
    restarts: int = 0
    streak: int = 0  # short lives in a row
    retry_at: float | None = None  # when in backoff
    ended: str | None = None  # how its last process did, which never got healthy since: "app.py:3: KeyError: 'x'"
    completed: bool = False  # ended by itself with exit code 0

    @property
    def key(self) -> VersionKey:
        return VersionKey(self.service, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    status: Status  # building | healthy (prepared) | failed
    workload: str  # digest of what was prepared
    artifact: Artifact | None = None
    previous: Artifact | None = None  # while there is no new one, or none that could be prepared
    reason: str | None = None
    generation: int = 0

    @property
    def last(self) -> Artifact | None:
        """What was prepared last."""
        return self.artifact or self.previous


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    instances: Mapping[str, InstanceState] = field(default_factory=dict)
    versions: Mapping[VersionKey, VersionState] = field(default_factory=dict)

    def of_service(self, name: str) -> tuple[InstanceState, ...]:
        return tuple(instance for instance in self.instances.values() if instance.service == name)

    def of(self, key: VersionKey) -> tuple[InstanceState, ...]:
        return tuple(instance for instance in self.instances.values() if instance.key == key)


# --- facts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrepareAsked:
    key: VersionKey
    workload: str
    generation: int


@dataclass(frozen=True, slots=True)
class Prepared:
    key: VersionKey
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class PrepareFailed:
    key: VersionKey
    reason: str
    output: str = ""  # the end of what the tools printed


@dataclass(frozen=True, slots=True)
class StartAsked:
    wanted: WantedInstance
    fingerprint: str
    generation: int


@dataclass(frozen=True, slots=True)
class Started:
    running: Running
    ports: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class StartFailed:
    instance: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Adopted:
    """A process found running by a new supervisor, as the old one remembered it."""

    instance: InstanceState


@dataclass(frozen=True, slots=True)
class Probed:
    instance: str
    pid: int | None  # of the process that was asked; an answer about an earlier one is ignored
    healthy: bool
    status: Status  # what it is if not healthy: starting | unhealthy
    reason: str | None


@dataclass(frozen=True, slots=True)
class Exited:
    exit: Exit
    policy: RestartPolicy
    culprit: str | None = None  # the line of its own code that ended it, and the error


@dataclass(frozen=True, slots=True)
class StopAsked:
    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    instance: str


@dataclass(frozen=True, slots=True)
class VersionGone:
    key: VersionKey


Fact = (
    PrepareAsked
    | Prepared
    | PrepareFailed
    | StartAsked
    | Started
    | StartFailed
    | Adopted
    | Probed
    | Exited
    | StopAsked
    | Stopped
    | VersionGone
)


# --- reducers -----------------------------------------------------------------------------------------------------


def reduce(state: ClusterState, fact: Fact) -> ClusterState:
    """The state after the fact. Facts about things no longer known change nothing."""
    match fact:
        case PrepareAsked(key, workload, generation):
            known = state.versions.get(key)
            last = known.last if known is not None else None
            building = VersionState(status=Status.BUILDING, workload=workload, generation=generation, previous=last)
            return _with_version(state, key, building)
        case Prepared(key, artifact):
            return _version(state, key, lambda v: _prepared(v, artifact))
        case PrepareFailed(key, reason, _):
            return _version(state, key, lambda v: replace(v, status=Status.FAILED, reason=reason))
        case StartAsked():
            return _start_asked(state, fact)
        case Started(running, ports):
            return _instance(state, running.id, lambda i: _started(i, running, ports))
        case StartFailed(instance, reason, at):
            return _instance(state, instance, lambda i: _ended(i, reason, at, short_lived=True))
        case Adopted(instance):
            return _with_instance(state, instance)
        case Probed(instance=instance):
            return _instance(state, instance, lambda i: _probed(i, fact))
        case Exited(exit):
            return _instance(state, exit.id, lambda i: _exited(i, fact))
        case StopAsked(instance, reason):
            stopping = Status.STOPPING
            return _instance(state, instance, lambda i: replace(i, status=stopping, ready=False, reason=reason))
        case Stopped(instance):
            return replace(state, instances={k: v for k, v in state.instances.items() if k != instance})
        case VersionGone(key):
            return replace(state, versions={k: v for k, v in state.versions.items() if k != key})


def _with_version(state: ClusterState, key: VersionKey, version: VersionState) -> ClusterState:
    return replace(state, versions={**state.versions, key: version})


def _with_instance(state: ClusterState, instance: InstanceState) -> ClusterState:
    return replace(state, instances={**state.instances, instance.id: instance})


def _version(state: ClusterState, key: VersionKey, change: Callable[[VersionState], VersionState]) -> ClusterState:
    known = state.versions.get(key)
    return state if known is None else _with_version(state, key, change(known))


def _instance(state: ClusterState, name: str, change: Callable[[InstanceState], InstanceState]) -> ClusterState:
    known = state.instances.get(name)
    return state if known is None else _with_instance(state, change(known))


def _prepared(version: VersionState, artifact: Artifact) -> VersionState:
    return replace(version, status=Status.HEALTHY, artifact=artifact, previous=None, reason=None)


def _start_asked(state: ClusterState, fact: StartAsked) -> ClusterState:
    wanted = fact.wanted
    before = state.instances.get(wanted.id)
    again = (
        before is not None
        and before.status is Status.BACKOFF
        and (before.fingerprint, before.generation) == (fact.fingerprint, fact.generation)
    )
    instance = InstanceState(
        id=wanted.id,
        service=wanted.service,
        version=wanted.version,
        index=wanted.index,
        status=Status.STARTING,
        reason="starts",
        fingerprint=fact.fingerprint,
        generation=fact.generation,
        restarts=before.restarts + 1 if before is not None and again else 0,
        streak=before.streak if before is not None and again else 0,
        ended=before.ended if before is not None and again else None,
    )
    return _with_instance(state, instance)


def _started(instance: InstanceState, running: Running, ports: Mapping[int, int]) -> InstanceState:
    return replace(
        instance,
        pid=running.pid,
        container=running.container,
        started_at=running.started_at,
        start=running.start,
        host=running.host,
        ports=dict(ports),
    )


def _probed(instance: InstanceState, fact: Probed) -> InstanceState:
    if instance.status not in LIVE or instance.pid != fact.pid:
        return instance
    if fact.healthy:
        return replace(instance, status=Status.HEALTHY, ready=True, reason=None, ended=None)
    return replace(instance, status=fact.status, ready=False, reason=fact.reason)


def _exited(instance: InstanceState, fact: Exited) -> InstanceState:
    exit = fact.exit
    if instance.status is Status.STOPPING or instance.pid != exit.pid:
        return instance  # its stop is under way, or this is the end of an earlier process
    ended = fact.culprit or exit.describe()
    why = f"{fact.culprit} ({exit.describe()})" if fact.culprit else ended
    if fact.policy is RestartPolicy.NO or (fact.policy is RestartPolicy.ON_FAILURE and exit.code == 0):
        done = exit.code == 0
        status = Status.STOPPED if done else Status.FAILED
        text = "finished with exit code 0" if done else f"ended: {why}; its restart policy is no"
        return replace(
            instance,
            status=status,
            ready=False,
            reason=text,
            pid=None,
            ports={},
            completed=done,
            ended=None if done else ended,
        )
    lived = exit.at - (instance.started_at or exit.at)
    return replace(_ended(instance, why, exit.at, short_lived=lived < SETTLED_AFTER), ended=ended)


def _ended(instance: InstanceState, why: str, at: float, *, short_lived: bool) -> InstanceState:
    streak = instance.streak + 1 if short_lived else 0
    delay = backoff(streak - 1 if short_lived else 0)
    return replace(
        instance,
        status=Status.BACKOFF,
        ready=False,
        reason=f"ended: {why}; next start in {delay:g} s",
        pid=None,
        ports={},
        streak=streak,
        retry_at=at + delay,
        ended=why,
    )
