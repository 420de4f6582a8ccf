"""The loop at the centre: plan, act, and fold what comes of it into the state.

Only `tell` changes the state, and only on the event loop, so there is one writer and no lock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace

from sandbox.control import Status
from sandbox.errors import RuntimeFailure, SandboxError
from sandbox.events import Bus, Event, Kind, Severity
from sandbox.model import ReloadSettings, Version
from sandbox.proxy.topology import Address, EndpointKey, Endpoints
from sandbox.runtime.base import Artifact, Driver, Exit, InstanceSpec, Output
from sandbox.supervisor import plan as actions
from sandbox.supervisor import rollout
from sandbox.supervisor import state as facts
from sandbox.supervisor.asking import Dial
from sandbox.supervisor.buildlog import BuildLog
from sandbox.supervisor.desired import Desired, VersionKey
from sandbox.supervisor.drain import drained
from sandbox.supervisor.evidence import Evidence, Printed
from sandbox.supervisor.narrate import narrate
from sandbox.supervisor.plan import Action, next_deadline, plan, retries
from sandbox.supervisor.probes import Probes
from sandbox.supervisor.rollout import Target
from sandbox.supervisor.state import ClusterState, Fact, InstanceState
from sandbox.supervisor.surroundings import Surroundings, own, with_theirs
from sandbox.supervisor.targets import given, targets, workload_of
from sandbox.supervisor.wiring import DOCKER
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

_EVIDENCE_LINES = 20

LEAVE_TRAFFIC = 0.1
"""Seconds between taking an instance out of traffic and asking it to end, for requests on their way to it."""


def _nowhere(key: VersionKey) -> AbstractContextManager[Output]:
    return nullcontext(lambda line: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the cluster tells the rest and asks of it."""

    endpoints_changed: Callable[[Endpoints], None]
    endpoints_served: Callable[[], Awaitable[None]]  # until the proxy serves the newest endpoints
    state_changed: Callable[[], None]
    printed: Printed
    claim_ports: Callable[[str, tuple[int, ...]], dict[int, int]]  # instance, declared ports → given ones
    build_output: Callable[[VersionKey], AbstractContextManager[Output]] = _nowhere  # where what a build prints goes
    dial: Dial | None = None  # how instances are reached for health checks; None: directly


class Cluster:
    """Keeps the instances like `desired` says."""

    def __init__(self, driver: Driver, desired: Desired, surroundings: Surroundings, bus: Bus, hooks: Hooks) -> None:
        self._driver = driver
        self._surroundings = surroundings
        self._bus = bus
        self._hooks = hooks
        self._tasks = Tasks(self._task_failed)
        self._evidence = Evidence(hooks.printed)
        self._probes = Probes(driver, self.tell, hooks.dial)
        self._changed = asyncio.Event()
        self._ending = False
        self._endpoints: Endpoints = {}
        self._early: dict[str, Exit] = {}  # ends heard of before the start was
        self._starts: dict[str, asyncio.Task[None]] = {}  # the newest of each instance, while it is under way
        self.desired = desired
        self.state = ClusterState()

    # --- what others call ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep reconciling until cancelled. What was adopted in the middle of its stop is stopped."""
        self._tasks.spawn(self._hear_exits(), name="hear exits")
        for instance in self.state.instances.values():
            if instance.status is Status.STOPPING:
                self._tasks.spawn(self._stop(instance.id), name=f"stop {instance.id}")
        while True:
            self._changed.clear()
            self.reconcile()
            await self._until_something_changes()

    def reconcile(self) -> None:
        """Begin whatever the state calls for now. Who reads the state after this sees no wish without its effect."""
        if self._ending:
            return
        for action in plan(
            self.desired, self.state, targets(self.desired, self.state, self._surroundings), time.time()
        ):
            self._take(action)

    def wish(self, desired: Desired, surroundings: Surroundings | None = None) -> None:
        """Replace what is wanted."""
        self.desired = desired
        self._surroundings = surroundings or self._surroundings
        self._probes.follow(self.state, desired.project)
        self._hooks.state_changed()
        self._changed.set()

    def retry(self, services: Collection[str]) -> None:
        """Try anew what failed of these or waits for its next start, from preparing on. What serves is left alone."""
        if not self._ending:
            for action in retries(
                services, self.desired, self.state, targets(self.desired, self.state, self._surroundings)
            ):
                self._take(action)

    def tell(self, fact: Fact) -> None:
        """Fold a fact into the state and let everything that depends on it follow."""
        before, self.state = self.state, facts.reduce(self.state, fact)
        if self.state == before:
            return
        if (event := narrate(before, self.state, fact)) is not None:
            self._bus.publish(self._with_evidence(event))
        self._probes.follow(self.state, self.desired.project)
        self._tell_endpoints()
        self._hooks.state_changed()
        self._changed.set()

    async def stop_everything(self) -> None:
        """End every instance at once and stay ended."""
        self._ending = True
        for instance in list(self.state.instances.values()):
            if instance.status in facts.LIVE:
                self.tell(facts.StopAsked(instance.id, "everything is being stopped"))
        await self._tasks.close()
        await self._probes.close()
        names = [instance.id for instance in self.state.instances.values()]
        await asyncio.gather(*(self._end(name) for name in names))

    async def close(self) -> None:
        """Let go without touching the instances."""
        await self._tasks.close()
        await self._probes.close()

    # --- planning -----------------------------------------------------------------------------------------------

    def _targets(self) -> dict[VersionKey, Target]:
        return targets(self.desired, self.state, self._surroundings)

    async def _until_something_changes(self) -> None:
        deadline = next_deadline(self.state, time.time())
        delay = None if deadline is None else max(0.001, deadline - time.time())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), delay)

    # --- acting -------------------------------------------------------------------------------------------------

    def _take(self, action: Action) -> None:
        match action:
            case actions.Prepare(key, workload, generation):
                self.tell(facts.PrepareAsked(key, workload, generation))
                self._tasks.spawn(self._prepare(key), name=f"prepare {key}")
            case rollout.Start(wanted, fingerprint, generation):
                self.tell(facts.StartAsked(wanted, fingerprint, generation))
                start = self._start(wanted.id, self._starts.get(wanted.id))
                self._starts[wanted.id] = self._tasks.spawn(start, name=f"start {wanted.id}")
            case rollout.Stop(instance, reason):
                self.tell(facts.StopAsked(instance, reason))
                self._tasks.spawn(self._stop(instance), name=f"stop {instance}")
            case rollout.Forget(instance):
                self.tell(facts.Stopped(instance))
            case actions.ForgetVersion(key):
                self.tell(facts.VersionGone(key))

    async def _prepare(self, key: VersionKey) -> None:
        with self._hooks.build_output(key) as onward:
            await self._prepare_with(key, BuildLog(onward))

    async def _prepare_with(self, key: VersionKey, output: BuildLog) -> None:
        asked = self.state.versions[key]
        try:
            version = self.desired.project.services[key.service].version(key.version)
            artifact = await self._driver.prepare(
                workload_of(self.desired.project, key.service, version, self._surroundings), output.add
            )
        except SandboxError as error:
            if self.state.versions.get(key) != asked:
                return  # something else was asked for in the meantime
            self.tell(facts.PrepareFailed(key, _told(error), output.tail(_EVIDENCE_LINES)))
        except Exception as error:
            self.tell(facts.PrepareFailed(key, f"internal error: {error}"))
            raise  # reported by the owner of the task
        else:
            if self.state.versions.get(key) == asked:
                self.tell(facts.Prepared(key, artifact))

    async def _start(self, name: str, earlier: asyncio.Task[None] | None) -> None:
        """`earlier`: a start of the same name that is still under way, though nobody wants it by now."""
        if earlier is not None:
            await asyncio.wait([earlier])
        try:
            if self._is_newest_start(name):
                await self._start_now(name)
        finally:
            if self._starts.get(name) is asyncio.current_task():
                del self._starts[name]

    async def _start_now(self, name: str) -> None:
        instance = self.state.instances[name]
        try:
            ports = self._ports(instance)
            running = await self._driver.start(self._spec(instance, ports))
        except SandboxError as error:
            self._not_started(name, f"it could not be started: {_told(error)}")
        except Exception as error:
            self._not_started(name, f"internal error: {error}")
            raise
        else:
            if not self._is_newest_start(name):  # it was stopped and forgotten in the meantime
                await self._driver.stop(name, 0.0)
                return
            self.tell(facts.Started(running, ports))
            if (exit := self._early.pop(name, None)) is not None:
                self._exited(self.state.instances[name], exit)

    def _not_started(self, name: str, why: str) -> None:
        if self._is_newest_start(name):
            self.tell(facts.StartFailed(name, why, time.time()))

    def _is_newest_start(self, name: str) -> bool:
        """Whether the task that asks is the one that the instance of this name waits for."""
        return name in self.state.instances and self._starts.get(name) is asyncio.current_task()

    def _ports(self, instance: InstanceState) -> dict[int, int]:
        """Declared port → the one to listen on: in a container every port is free."""
        declared = tuple(port.number for port in self.desired.project.services[instance.service].ports)
        if self._surroundings.places[instance.service].runtime == DOCKER:
            return {port: port for port in declared}
        return self._hooks.claim_ports(instance.id, declared)

    def _spec(self, instance: InstanceState, ports: Mapping[int, int]) -> InstanceSpec:
        project, place = self.desired.project, self._surroundings.places[instance.service]
        version = project.services[instance.service].version(instance.version)
        artifact = self._artifact(instance.key)
        return InstanceSpec(
            id=instance.id,
            index=instance.index,
            workload=workload_of(project, instance.service, version, self._surroundings),
            artifact=artifact,
            environment={
                **place.inherited,
                **with_theirs(artifact.environment, given(project, instance.service, version, self._surroundings)),
                **own(project.name, instance.service, instance.version, instance.id, place.listens_on, ports),
            },
            log_max_bytes=project.settings.log_max_bytes,
        )

    def _artifact(self, key: VersionKey) -> Artifact:
        version = self.state.versions.get(key)
        if version is None or version.last is None:
            raise RuntimeFailure("is not prepared", place=str(key))
        return version.last

    async def _stop(self, name: str) -> None:
        await self._hooks.endpoints_served()
        await asyncio.sleep(LEAVE_TRAFFIC)
        await self._drain(name)
        failures = 0
        while name in self.state.instances and not await self._end(name):
            await asyncio.sleep(facts.backoff(failures))
            failures += 1
        self.tell(facts.Stopped(name))

    async def _drain(self, name: str) -> None:
        instance = self.state.instances.get(name)
        if instance is None:
            return
        version = self._version(instance)
        limit = (version.reload if version else ReloadSettings()).drain
        if not await drained(self._driver, instance, limit):
            message = f"{name} still had connections {limit:g} s after it left traffic; they are cut"
            self._bus.publish(
                Event(kind=Kind.NOTICE, severity=Severity.WARNING, message=message, service=instance.service)
            )

    async def _end(self, name: str) -> bool:
        """Whether nothing of it runs any more."""
        try:
            await self._driver.stop(name, self._grace(name))
            return True
        except SandboxError as error:
            self._bus.publish(_failure(f"{name} could not be stopped: {error}", name))
        except Exception as error:  # the others are to be ended all the same
            log.exception("could not stop %s", name)
            self._bus.publish(_failure(f"internal error while {name} was stopped: {error}", name))
        return False

    def _grace(self, name: str) -> float:
        version = self._version(self.state.instances[name])
        return version.stop_grace_period if version else 10.0

    def _version(self, instance: InstanceState) -> Version | None:
        """None when it is no longer in the project; its stop is planned."""
        try:
            return self.desired.project.services[instance.service].version(instance.version)
        except KeyError:
            return None

    # --- hearing ------------------------------------------------------------------------------------------------

    async def _hear_exits(self) -> None:
        async for exit in self._driver.exits():
            instance = self.state.instances.get(exit.id)
            if instance is not None and instance.status is Status.STARTING and instance.started_at is None:
                self._early[exit.id] = exit
            elif instance is not None:
                self._exited(instance, exit)

    def _exited(self, instance: InstanceState, exit: Exit) -> None:
        if (version := self._version(instance)) is not None:
            culprit = self._evidence.culprit(instance, version, self.desired.project.root, exit)
            self.tell(facts.Exited(exit, version.restart, culprit))

    def _with_evidence(self, event: Event) -> Event:
        if event.severity is Severity.INFO or event.instance is None:
            return event
        instance = self.state.instances.get(event.instance)
        return replace(event, detail=self._evidence.last_lines(instance)) if instance else event

    def _tell_endpoints(self) -> None:
        endpoints = endpoints_of(self.state)
        if endpoints != self._endpoints:
            self._endpoints = endpoints
            self._hooks.endpoints_changed(endpoints)

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._bus.publish(_failure(f"internal error in '{name}': {error}", None))


def endpoints_of(state: ClusterState) -> Endpoints:
    """The instances that take traffic, by version and declared port."""
    found: dict[EndpointKey, list[Address]] = {}
    for instance in state.instances.values():
        if not instance.ready:
            continue
        for declared, actual in instance.ports.items():
            key = EndpointKey(instance.service, instance.version, declared)
            found.setdefault(key, []).append(Address(instance.host, actual))
    return {key: tuple(sorted(addresses)) for key, addresses in found.items()}


def _told(error: SandboxError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _failure(message: str, instance: str | None) -> Event:
    return Event(kind=Kind.NOTICE, severity=Severity.ERROR, message=message, instance=instance)
