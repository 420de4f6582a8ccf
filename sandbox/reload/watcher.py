"""The edge: runs hints through ground, settle and decide, and tells what came out."""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.model import Project, Service, Version
from sandbox.reload import notices
from sandbox.reload.change import Change, Notice
from sandbox.reload.decide import Changed, owners
from sandbox.reload.ground import Difference, Ground
from sandbox.reload.ignorefiles import DOCKERIGNORE, GITIGNORE, git_locks
from sandbox.reload.inbox import Inbox
from sandbox.reload.lane import Lane
from sandbox.reload.layout import Built, Layout, lay_out
from sandbox.reload.notify import Notifier, Open, Watchfiles
from sandbox.reload.openfiles import being_written

POLL = 0.3
"""Seconds between two looks at everything where the system's watches are used up; more where a look takes long."""

_POLL_SHARE = 10
_CLOSER = 200

_Finding = tuple[Difference, Changed, tuple[str | None, ...]]


def _never(service: Service, version: Version) -> bool:
    return False


class Watcher:
    """Tells one `Change` for each save and service that it concerns, and a `Notice` for what a person should know.

    `own` are folders and files that are ours, such as the logs. `built` says whose source a restart alone does not
    bring in. `run_since` says since when what runs already does, by service, in seconds since the epoch, and by None
    when the project's own files were read: files written later count as saved when watching begins. Both callbacks are
    called in the event loop and must return at once.
    """

    def __init__(
        self,
        project: Project,
        *,
        tell: Callable[[Change], None],
        warn: Callable[[Notice], None],
        own: Collection[Path] = (),
        built: Built = _never,
        run_since: Mapping[str | None, float] | None = None,
        open_source: Open = Watchfiles,
    ) -> None:
        self._tell = tell
        self._warn = warn
        self._own = frozenset(path.as_posix() for path in own)
        self._built = built
        self._run_since = run_since or {}
        self._layout: Layout = lay_out(project, built)
        self._ground = Ground(self._layout, self._own)
        self._locks: tuple[Path, ...] = ()
        self._lanes: dict[str | None, Lane] = {}
        self._inbox = Inbox()
        self._notifier = Notifier(self._inbox.put, self._poll_instead, open_source)
        self._watched: tuple[frozenset[str], int] = (frozenset(), 0)
        self._next: Project | None = None
        self._standing: dict[str, Notice] = {}
        self._look_every: float | None = None  # polling when set
        self._looked = 0.0
        self._resumed = 0.0
        self.paused = False
        self.ready = asyncio.Event()

    @property
    def polling(self) -> bool:
        """The system's watches are used up, and everything is looked at again and again."""
        return self._look_every is not None

    @property
    def folders(self) -> int:
        """How many are watched, or looked at."""
        return len(self._watched[0])

    @property
    def idle(self) -> bool:
        """No save is waited for."""
        return all(lane.settle.due() is None for lane in self._lanes.values())

    @property
    def dropped(self) -> int:
        """Hints that there was no room for; everything was looked at instead."""
        return self._inbox.dropped

    async def run(self) -> None:
        """Until cancelled. `ready` is set when every later save will be seen."""
        try:
            await self._begin()
            while True:
                await self._inbox.wait(self._pause())
                await self._turn()
        finally:
            self._notifier.close()

    def follow(self, project: Project) -> None:
        """The project changed: other folders, other rules. Held files are let go."""
        self._next = project
        self._inbox.wake()

    def reloaded(self, service: str) -> None:
        """The reload that the service's last change asked for is over, one way or the other."""
        self._lane(service).reloaded()

    def reloads_by_hand(self, service: str) -> None:
        """The service reloads though nothing told of it. What is held, or was saved in a pause, comes in with that."""
        lane, now = self._lane(service), time.monotonic()
        if self.paused:
            lane.drop(now)
        lane.reloads_by_hand(now)

    def pause(self) -> None:
        """Tell nothing. What is saved meanwhile is remembered."""
        self.paused = True

    def resume(self) -> None:
        """Tell what was saved since `pause`, once for each service, as if it were saved now."""
        self.paused = False
        self._resumed = time.time()
        self._inbox.wake()

    @property
    def waiting(self) -> dict[str | None, int]:
        """How many files were saved that nothing was told of yet, by service; None: the project's own files."""
        return {name: len(lane.settle.pending) for name, lane in self._lanes.items() if lane.settle.pending}

    @property
    def notices(self) -> list[Notice]:
        """What a person should know as long as it is so."""
        now = time.monotonic()
        held = [notice for lane in self._lanes.values() for notice in lane.standing(self._layout, now)]
        return [*self._standing.values(), *notices.not_there(self._layout), *held]

    # --- one turn --------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        await asyncio.to_thread(self._ground.survey)
        self._note(await asyncio.to_thread(self._saved_unseen))
        self._locks = await asyncio.to_thread(git_locks, [area.root for area in self._layout.areas])
        await self._watch_all()
        self.ready.set()

    async def _turn(self) -> None:
        hints, everything = self._inbox.take()
        if self._next is not None or self._polled_long_ago():
            everything = True
        if hints or everything:
            self._note(await asyncio.to_thread(self._find, hints, everything))
        if self._next is not None:
            await self._move(self._next)
        if self._ground.to_watch() != self._watched:
            await self._watch_all()
        if not self.paused:
            await self._finish()
        for lane in self._lanes.values():
            for notice in lane.news(self._layout, time.monotonic()):
                self._warn(notice)

    async def _move(self, project: Project) -> None:
        self._next = None
        layout = lay_out(project, self._built)
        ground = Ground(layout, self._own)
        await asyncio.to_thread(ground.survey)
        missed, self._layout, self._ground = ground.since(self._ground), layout, ground
        self._forget_ignored()
        for lane in self._lanes.values():
            lane.new_rules(time.monotonic())
        self._locks = await asyncio.to_thread(git_locks, [area.root for area in layout.areas])
        self._note(await asyncio.to_thread(self._with_owners, missed))

    async def _watch_all(self) -> None:
        """What came into a new folder before it was watched is found by looking once more."""
        while (wanted := self._ground.to_watch()) != self._watched:
            self._say_what_is_left_out()
            if not self.polling:
                try:
                    await self._notifier.watch(wanted[0])
                except SandboxError as error:
                    self._poll_instead(error)
            self._watched = wanted
            self._note(await asyncio.to_thread(self._look_at_fresh))

    # --- differences -----------------------------------------------------------------------------------------------

    def _find(self, hints: Iterable[str], everything: bool) -> list[_Finding]:
        began = time.monotonic()
        found = self._ground.look_at_all() if everything else self._ground.look(hints)
        self._looked = time.monotonic()
        if everything and self._look_every is not None:
            self._look_every = max(POLL, (self._looked - began) * _POLL_SHARE)
        return self._with_owners(found)

    def _look_at_fresh(self) -> list[_Finding]:
        return self._with_owners(self._ground.look_at_fresh())

    def _saved_unseen(self) -> list[_Finding]:
        """What was written while nobody watched."""
        return [
            (difference, changed, (service,))
            for service, moment in self._run_since.items()
            for difference, changed, services in self._with_owners(self._ground.written_since(moment))
            if service in services
        ]

    def _with_owners(self, differences: Iterable[Difference]) -> list[_Finding]:
        found: list[_Finding] = []
        for difference in differences:
            changed = Changed(difference.path, self._ground.areas_of(difference.path))
            config = difference.path in self._layout.config
            found.append((difference, changed, (None,) if config else owners(self._layout, changed)))
        return found

    def _note(self, findings: Iterable[_Finding]) -> None:
        now = time.monotonic()
        for difference, changed, services in findings:
            for service in services:
                self._lane(service).note(changed, difference.before, difference.now, now)
            if posixpath.basename(difference.path) in (GITIGNORE, DOCKERIGNORE):
                self._forget_ignored()

    def _forget_ignored(self) -> None:
        for lane in self._lanes.values():
            lane.forget_ignored(lambda path: not self._ground.areas_of(path))

    def _lane(self, service: str | None) -> Lane:
        return self._lanes.setdefault(service, Lane(service))

    # --- saves that are over ---------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        for lane in self._lanes.values():
            lane.let_go(time.monotonic())
        ripe = [lane for lane in self._lanes.values() if self._is_over(lane) or lane.settle.held_open]
        paths = {path for lane in ripe if len(lane.settle.pending) <= _CLOSER for path in lane.settle.pending}
        if paths:
            held, found = await asyncio.to_thread(self._look_closer, paths)
            for path, writing in held.items():
                for lane in self._lanes.values():
                    lane.settle.writing(path, writing)
            self._note(found)
        for lane in ripe:
            if self._next is None and self._is_over(lane):  # else it is the new project's to say who reloads
                self._tell_of(lane)

    def _look_closer(self, paths: Iterable[str]) -> tuple[dict[str, bool | None], list[_Finding]]:
        """Files whose save seems to be over: whether somebody still writes them, and a last look."""
        held = {path: being_written(path) for path in paths}
        found = [item for path in held if (item := self._ground.look_again(path)) is not None]
        return held, self._with_owners(found)

    def _is_over(self, lane: Lane) -> bool:
        due = lane.settle.due()
        if due is None or due > time.monotonic():
            return False
        patient = lane.settle.due(busy=self._locked())
        return patient is not None and patient <= time.monotonic()

    def _locked(self) -> bool:
        """git is at work: it takes this file before it touches another, and gives it back after the last."""
        return any(lock.exists() for lock in self._locks)

    def _tell_of(self, lane: Lane) -> None:
        offset = time.time() - time.monotonic()
        change = lane.take(self._layout, time.monotonic(), lambda steady: steady + offset)
        if change is not None:
            saved, seen = max(change.saved, self._resumed), max(change.seen, self._resumed)
            self._tell(replace(change, saved=saved, seen=seen))

    # --- waiting ---------------------------------------------------------------------------------------------------

    def _pause(self) -> float | None:
        """Seconds until something is to be done though nothing comes."""
        now = time.monotonic()
        times = [] if self.paused else [when for lane in self._lanes.values() for when in lane.alarms(now)]
        if self._look_every is not None:
            times.append(self._looked + self._look_every)
        return max(0.0, min(times) - now) if times else None

    def _polled_long_ago(self) -> bool:
        return self._look_every is not None and time.monotonic() >= self._looked + self._look_every

    # --- what a person should know ---------------------------------------------------------------------------------

    def _poll_instead(self, error: SandboxError) -> None:
        self._look_every = self._look_every or POLL
        self._notifier.close()
        self._inbox.wake()
        self._warn_once(notices.polls(error, POLL))

    def _say_what_is_left_out(self) -> None:
        if (folder := self._ground.left_out) is not None:
            self._warn_once(notices.left_out(folder))

    def _warn_once(self, notice: Notice) -> None:
        if notice.message not in self._standing:
            self._standing[notice.message] = notice
            self._warn(notice)
