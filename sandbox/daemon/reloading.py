"""From a saved file to new instances: the watcher's changes become wishes, and each reload is told once it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import replace

from sandbox.events import Bus, Event, Kind, Severity
from sandbox.model import Project, Service, Version
from sandbox.paths import ProjectPaths
from sandbox.reload.change import Action, Change, Notice
from sandbox.reload.watcher import Watcher
from sandbox.supervisor import reload as reloads
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.reload import Failed, Reload
from sandbox.tasks import Tasks

LastLines = Callable[[str], str]


class Reloading:
    """Watches one project's files. `reread` reads the project's own files again."""

    def __init__(
        self,
        paths: ProjectPaths,
        cluster: Cluster,
        bus: Bus,
        *,
        last_lines: LastLines,
        is_image: Callable[[Service, Version], bool],
        reread: Callable[[Change], Coroutine[None, None, None]],
    ) -> None:
        self._cluster = cluster
        self._bus = bus
        self._last_lines = last_lines
        self._reread = reread
        self._tasks = Tasks()
        self._under_way: dict[VersionKey, Reload] = {}
        self._watcher = Watcher(
            cluster.desired.project, tell=self._take, warn=self._warn, own=(paths.home,), built=is_image
        )

    def open(self) -> None:
        self._tasks.spawn(self._watcher.run(), name="watch files")

    async def close(self) -> None:
        await self._tasks.close()

    def follow(self, project: Project) -> None:
        self._watcher.follow(project)

    def look(self) -> None:
        """The cluster's state changed: tell what is over."""
        for key, reload in list(self._under_way.items()):
            self._look(key, reload)

    def _take(self, change: Change) -> None:
        if change.service is None:
            self._tasks.spawn(self._reread(change), name="read the configuration again")
            return
        keys = {
            VersionKey(change.service, version)
            for version, reaction in change.reactions.items()
            if reaction.action is not Action.SYNC
        }
        if keys:
            self._reload(frozenset(keys), change)

    def _reload(self, keys: frozenset[VersionKey], change: Change) -> None:
        desired = self._cluster.desired
        wished = replace(desired, wishes=desired.wishes.reloaded(keys))
        root = desired.project.root
        names = [str(path.relative_to(root)) if path.is_relative_to(root) else str(path) for path in change.paths]
        for key in keys:
            self._under_way[key] = Reload(
                key=key,
                generation=wished.generation(key),
                cause=reloads.cause_of(names, change.count),
                began=change.seen,
                asked=time.time(),
            )
        self._cluster.wish(wished)

    def _look(self, key: VersionKey, reload: Reload) -> None:
        state, now = self._cluster.state, time.time()
        outcome = reloads.look(reload, state, self._cluster.desired.counts().get(key, 0), now)
        if isinstance(outcome, Reload):
            self._under_way[key] = outcome
            return
        del self._under_way[key]
        self._watcher.reloaded(key.service)
        if outcome is None:
            start = next((one.start for one in state.instances.values() if one.key == key), None)
            self._bus.publish(reloads.done(reload, now, start))
        else:
            self._bus.publish(self._failure(reload, outcome))

    def _failure(self, reload: Reload, outcome: Failed) -> Event:
        serves = any(one.ready for one in self._cluster.state.instances.values() if one.key == reload.key)
        event = reloads.failed(reload, outcome, serves)
        return replace(event, detail=self._last_lines(outcome.instance)) if outcome.instance else event

    def _warn(self, notice: Notice) -> None:
        message = f"{notice.message}; {notice.hint}" if notice.hint else notice.message
        self._bus.publish(Event(kind=Kind.NOTICE, severity=Severity.WARNING, service=notice.service, message=message))
