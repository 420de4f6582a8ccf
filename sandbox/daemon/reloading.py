"""From a saved file to new instances: the watcher's changes become wishes, and each reload is told once it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace

from sandbox.control import WatchState, WatchStatus
from sandbox.events import Bus, Event, Kind, Severity
from sandbox.model import Project, Service, Version
from sandbox.paths import ProjectPaths
from sandbox.reload.change import Action, Change, Notice
from sandbox.reload.watcher import Watcher
from sandbox.supervisor import reload as reloads
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.reload import Cause, Failed, Reload
from sandbox.supervisor.state import InstanceState
from sandbox.tasks import Tasks

LastLines = Callable[[InstanceState], str]


class Reloading:
    """Watches one project's files, and reloads by hand. `reread` reads the project's own files again,
    `sync` copies what was saved to where it is wanted. `read_at`: when they were read last, in seconds since the
    epoch."""

    def __init__(
        self,
        paths: ProjectPaths,
        cluster: Cluster,
        bus: Bus,
        *,
        last_lines: LastLines,
        is_image: Callable[[Service, Version], bool],
        sync: Callable[[Change], None],
        reread: Callable[[Change], Coroutine[None, None, None]],
        read_at: Callable[[], float],
    ) -> None:
        self._paths = paths
        self._cluster = cluster
        self._bus = bus
        self._last_lines = last_lines
        self._is_image = is_image
        self._sync = sync
        self._reread = reread
        self._read_at = read_at
        self._tasks = Tasks()
        self._under_way: dict[VersionKey, Reload] = {}
        self._watcher: Watcher | None = None

    async def close(self) -> None:
        await self._tasks.close()

    # --- watching -----------------------------------------------------------------------------------------------

    def watch(self, on: bool) -> None:
        """Begin, go on with what was saved meanwhile, or hold back what is saved from now on."""
        if self._watcher is None:
            if on:
                self._watcher = self._new_watcher()
                self._tasks.spawn(self._watcher.run(), name="watch files")
        elif on == self._watcher.paused:
            self._watcher.resume() if on else self._watcher.pause()
            message = "saves reload services again" if on else "saves reload nothing until watching is resumed"
            self._bus.publish(Event(kind=Kind.NOTICE, message=message))

    def follow(self, project: Project) -> None:
        if self._watcher is not None:
            self._watcher.follow(project)

    def status(self) -> WatchStatus:
        watcher = self._watcher
        if watcher is None:
            return WatchStatus(state=WatchState.OFF)
        waiting = {service or "": count for service, count in watcher.waiting.items()} if watcher.paused else {}
        state = WatchState.PAUSED if watcher.paused else WatchState.ON
        return WatchStatus(state=state, folders=watcher.folders, polling=watcher.polling, waiting=waiting)

    def warnings(self) -> tuple[str, ...]:
        """What is wrong with watching, as long as it is so."""
        return tuple(_told(notice) for notice in self._watcher.notices) if self._watcher is not None else ()

    def _new_watcher(self) -> Watcher:
        project = self._cluster.desired.project
        return Watcher(
            project,
            tell=self._take,
            warn=self._warn,
            own=(self._paths.home,),
            built=self._is_image,
            run_since=self._run_since(),
        )

    def _run_since(self) -> dict[str | None, float]:
        """Since when the newest instance of each service runs: an earlier supervisor can't have missed less. What is
        being prepared, and the project's own files (None), may have been read since the configuration was."""
        started: dict[str | None, float] = {}
        for one in self._cluster.state.instances.values():
            if one.started_at is not None:
                started[one.service] = max(one.started_at, started.get(one.service, 0.0))
        return dict.fromkeys([None, *self._cluster.desired.project.services], self._read_at()) | started

    def _warn(self, notice: Notice) -> None:
        warning = Severity.WARNING
        self._bus.publish(Event(kind=Kind.NOTICE, severity=warning, service=notice.service, message=_told(notice)))

    # --- reloading ----------------------------------------------------------------------------------------------

    def reload(self, keys: Collection[VersionKey]) -> None:
        """By hand. It brings in all that was saved and held back."""
        if self._watcher is not None:
            for service in {key.service for key in keys}:
                self._watcher.reloads_by_hand(service)
        self._reload(frozenset(keys), Cause(), time.time())

    def _take(self, change: Change) -> None:
        if change.service is None:
            self._tasks.spawn(self._reread(change), name="read the configuration again")
            return
        self._sync(change)
        keys = {
            VersionKey(change.service, version)
            for version, reaction in change.reactions.items()
            if reaction.action not in (Action.SYNC, Action.SYNC_EXEC)
        }
        if keys:
            self._reload(frozenset(keys), self._cause(change), change.saved)

    def _cause(self, change: Change) -> Cause:
        root = self._cluster.desired.project.root
        names = (str(path.relative_to(root)) if path.is_relative_to(root) else str(path) for path in change.paths)
        return Cause(tuple(names), change.count)

    def _reload(self, keys: frozenset[VersionKey], cause: Cause, began: float) -> None:
        desired = self._cluster.desired
        wished, counts = replace(desired, wishes=desired.wishes.reloaded(keys)), desired.counts()
        for key in keys:
            if not counts.get(key):
                continue  # it is stopped, or no longer in the project; started again, it is new
            self._under_way[key] = Reload(
                key=key,
                name=self._name(key),
                generation=wished.generation(key),
                cause=self._superseded(key, cause),
                began=began,
                asked=time.time(),
            )
        self._cluster.wish(wished)

    def _superseded(self, key: VersionKey, cause: Cause) -> Cause:
        """What the reload before was for, this one is for as well; where that serves already, it is told of now."""
        before = self._under_way.pop(key, None)
        if before is None:
            return cause
        if before.switched is not None:
            self._done(before)
            return cause
        return cause.and_before(before.cause)

    def _name(self, key: VersionKey) -> str:
        versions = self._cluster.desired.project.services[key.service].versions
        return key.service if len(versions) == 1 else str(key)

    # --- telling ------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """The cluster's state changed: tell what is over."""
        for key, reload in list(self._under_way.items()):
            self._look(key, reload)

    def _look(self, key: VersionKey, reload: Reload) -> None:
        count = self._cluster.desired.counts().get(key, 0)
        seen = reloads.look(reload, self._cluster.state, count, time.time())
        if isinstance(seen, Failed):
            self._over(key)
            self._bus.publish(self._failure(reload, seen))
            return
        if seen.switched is not None and reload.switched is None and seen.drained is None:
            self._tasks.spawn(self._look_later(), name=f"tell of {key}")
        self._under_way[key] = seen
        if reloads.is_over(seen, time.time()):
            self._over(key)
            self._done(seen)

    async def _look_later(self) -> None:
        await asyncio.sleep(reloads.DRAIN_AWAITED)
        self.look()

    def _over(self, key: VersionKey) -> None:
        del self._under_way[key]
        if self._watcher is not None:
            self._watcher.reloaded(key.service)

    def _done(self, reload: Reload) -> None:
        instances = self._cluster.state.instances.values()
        new = (one for one in instances if one.key == reload.key and one.generation >= reload.generation)
        self._bus.publish(reloads.done(reload, next((one.start for one in new), None)))

    def _failure(self, reload: Reload, outcome: Failed) -> Event:
        instances = self._cluster.state.instances
        serves = any(one.ready for one in instances.values() if one.key == reload.key)
        event = reloads.failed(reload, outcome, serves)
        instance = instances.get(outcome.instance or "")
        return replace(event, detail=self._last_lines(instance)) if instance is not None else event


def _told(notice: Notice) -> str:
    return f"{notice.message}; {notice.hint}" if notice.hint else notice.message
