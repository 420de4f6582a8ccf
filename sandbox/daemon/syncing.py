"""Carries out `develop.watch`'s sync: saved files go into the containers that run, and commands run in them."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox.daemon.synced import SyncedDriver, pack, reachable
from sandbox.errors import SandboxError
from sandbox.events import Bus, Event, Kind, ReloadReport, Severity
from sandbox.model import Version
from sandbox.reload.change import Action, Change, Copy, Reaction
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.reload import Cause
from sandbox.supervisor.state import LIVE, InstanceState
from sandbox.tasks import Tasks

COMMAND_WITHIN = 120.0
"""Seconds that a rule's command may take."""

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Save:
    """What is to be brought into the instances of one version; several saves in a row become one."""

    copies: tuple[Copy, ...]
    commands: tuple[tuple[str, ...], ...]
    cause: Cause
    saved: float  # seconds since the epoch, as the next
    seen: float

    def after(self, earlier: _Save) -> _Save:
        newest = {copy.target: copy for copy in (*earlier.copies, *self.copies)}
        commands = tuple(dict.fromkeys((*earlier.commands, *self.commands)))
        cause = self.cause.and_before(earlier.cause)
        return replace(earlier, copies=tuple(newest.values()), commands=commands, cause=cause)


class _Failed(Exception):
    """Raised with the reason, and what a command printed."""

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


class Syncing:
    """`is_container`: whether a service runs in containers."""

    def __init__(self, driver: SyncedDriver, cluster: Cluster, bus: Bus, is_container: Callable[[str], bool]) -> None:
        self._driver = driver
        self._cluster = cluster
        self._bus = bus
        self._is_container = is_container
        self._tasks = Tasks()
        self._waiting: dict[VersionKey, _Save] = {}
        self._working: set[VersionKey] = set()

    async def close(self) -> None:
        await self._tasks.close()

    def take(self, change: Change) -> None:
        """Before what is reloaded because of it. Each sync tells one event; what restarts as well is told as that."""
        for version, reaction in change.reactions.items():
            key = VersionKey(change.service or "", version)
            restarts = reaction.action is Action.SYNC_RESTART
            if reaction.action in (Action.RESTART, Action.REBUILD) or (restarts and _some_gone(reaction.copies)):
                self._driver.anew(key)  # what is gone is still in the image
            else:
                self._driver.stay(key, restarts and bool(self._cluster.desired.counts().get(key)))
            if reaction.copies and self._is_container(key.service):
                self._driver.synced.add(key, reaction.copies)
            if reaction.action in (Action.SYNC, Action.SYNC_EXEC):
                self._begin(key, self._save(change, reaction))

    def _save(self, change: Change, reaction: Reaction) -> _Save:
        root = self._cluster.desired.project.root
        names = (str(path.relative_to(root)) if path.is_relative_to(root) else str(path) for path in change.paths)
        return _Save(
            copies=reaction.copies,
            commands=reaction.commands,
            cause=Cause(tuple(names)[:_SHOWN], change.count),
            saved=change.saved,
            seen=change.seen,
        )

    def _begin(self, key: VersionKey, save: _Save) -> None:
        earlier = self._waiting.get(key)
        self._waiting[key] = save if earlier is None else save.after(earlier)
        if key not in self._working:
            self._working.add(key)
            self._tasks.spawn(self._work(key), name=f"sync {key}")

    async def _work(self, key: VersionKey) -> None:
        """One after the other: a command must not see the files of the next save half way."""
        try:
            while (save := self._waiting.pop(key, None)) is not None:
                await self._sync(key, save)
        finally:
            self._working.discard(key)

    async def _sync(self, key: VersionKey, save: _Save) -> None:
        version, instances = self._version(key), self._instances(key)
        if version is None:
            return
        seconds = {"seen": save.seen - save.saved}
        try:
            containers = [one.id for one in instances if one.container is not None]
            if containers:
                await self._copy(containers, reachable(version, save.copies))
                seconds["copied"] = time.time() - save.saved
            for command in save.commands:
                await _all(self._run(one.id, command) for one in instances)
                seconds["ran"] = time.time() - save.saved
        except _Failed as failure:
            self._tell(key, save, seconds, _how(instances, save), failure)
        else:
            self._tell(key, save, seconds, _how(instances, save))

    async def _copy(self, instances: Sequence[str], copies: Sequence[Copy]) -> None:
        try:
            archive = await asyncio.to_thread(pack, copies)
        except (SandboxError, OSError) as error:
            raise _Failed(str(error)) from error
        gone = [copy.target for copy in copies if not copy.source.exists() and copy.target != "/"]
        await _all(self._driver.copy(one, archive if len(gone) < len(copies) else b"", gone) for one in instances)

    async def _run(self, instance: str, command: Sequence[str]) -> None:
        name = shlex.join(command)
        try:
            code, output = await self._driver.run(instance, command, COMMAND_WITHIN)
        except TimeoutError:
            raise _Failed(f"`{name}` took longer than {COMMAND_WITHIN:g} s in {instance}") from None
        if code:
            raise _Failed(f"`{name}` ended with exit code {code} in {instance}", output)

    # --- who ------------------------------------------------------------------------------------------------------

    def _instances(self, key: VersionKey) -> list[InstanceState]:
        """Those that run. What is being started gets the files as it starts."""
        known = self._cluster.state.instances.values()
        return [one for one in known if one.key == key and one.status in LIVE and one.started_at is not None]

    def _version(self, key: VersionKey) -> Version | None:
        try:
            return self._cluster.desired.project.services[key.service].version(key.version)
        except KeyError:
            return None

    # --- telling --------------------------------------------------------------------------------------------------

    def _tell(
        self, key: VersionKey, save: _Save, seconds: dict[str, float], how: str, failure: _Failed | None = None
    ) -> None:
        desired = self._cluster.desired
        service = desired.project.services.get(key.service)
        if service is None:  # it left the project meanwhile
            return
        name = key.service if len(service.versions) == 1 else str(key)
        steps = ", ".join(f"{step} {after * 1000:.0f}" for step, after in seconds.items())
        took = max(seconds.values())
        message = f"{name} synced in {took:.2f} s {save.cause}{how} ({steps} ms)"
        report = ReloadReport(
            version=key.version,
            generation=desired.generation(key),
            files=save.cause.files,
            count=save.cause.count,
            seconds={step: round(after, 4) for step, after in seconds.items()},
            error=str(failure) if failure is not None else None,
        )
        if failure is not None:
            message = f"{name} failed to sync {save.cause}: {failure}"
        self._bus.publish(
            Event(
                kind=Kind.RELOAD_FAILED if failure is not None else Kind.SERVICE_SYNCED,
                severity=Severity.ERROR if failure is not None else Severity.INFO,
                service=key.service,
                message=message,
                detail=failure.output if failure is not None else "",
                reload=report,
            )
        )


def _how(instances: Sequence[InstanceState], save: _Save) -> str:
    ran = "".join(f", ran `{shlex.join(command)}`" for command in save.commands)
    if not instances:
        return ": none runs, and those that start have it"
    if all(one.container is None for one in instances):
        return f": a process reads the files themselves{ran}"
    return ran


def _some_gone(copies: Sequence[Copy]) -> bool:
    return any(not copy.source.exists() for copy in copies)


async def _all(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All are carried out; the first failure is raised."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, SandboxError):
            raise _Failed(str(outcome)) from outcome
        if isinstance(outcome, BaseException):
            raise outcome
