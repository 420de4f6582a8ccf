"""Changes that end by themselves, whoever has gone away meanwhile: the end is kept on disk before anything begins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from sandbox.control import GoldenSignals, Origin, Trial
from sandbox.errors import ConfigError, ConflictError, SandboxError, UsageError
from sandbox.events import Event, Kind, Severity
from sandbox.model import Project
from sandbox.supervisor.steering.live import Commit, Live, Wanted, changed, with_documents
from sandbox.supervisor.steering.means import Means
from sandbox.tasks import Tasks
from sandbox.traffic.trials import RunningTrial, as_note, begun, of_note, shown, way_back

log = logging.getLogger(__name__)

_NOTE = "trial"
_AGAIN = 5.0
"""Seconds until a way back that failed is tried again."""

BEFORE = 60.0
"""Seconds before a trial that its signals are compared with."""


class Trials:
    """One at a time: two that overlap could not be told apart in the numbers."""

    def __init__(self, means: Means, live: Live, lock: asyncio.Lock, tasks: Tasks) -> None:
        self._means = means
        self._live = live
        self._lock = lock
        self._tasks = tasks
        self._running: RunningTrial | None = None
        self._ended: Trial | None = None
        self._alarm: asyncio.Task[None] | None = None

    async def start(self, wanted: Wanted, why: str, seconds: float) -> Trial:
        """With the lock held. ConflictError while one runs; UsageError when it would change nothing."""
        if self._running is not None:
            raise ConflictError(
                f"{', '.join(self._running.services)} is being tried already",
                place="traffic",
                hint="end it first: sandbox traffic try --end (or --keep)",
            )
        services = changed(self._live.documents, wanted.documents)
        if not services:
            raise UsageError("nothing would change", place="traffic", hint="it is in force already")
        before = await self._signals(services, self._means.clock() - BEFORE)
        documents, now = self._live.documents, self._means.clock()

        def trial(number: int) -> RunningTrial:
            return begun(number, documents, wanted.documents, at=now, seconds=seconds, signals=before)

        commit = Commit(
            origin=Origin.TRIAL, why=why or f"for {seconds:g} s", notes=lambda number: {_NOTE: as_note(trial(number))}
        )
        revision, _ = await self._live.put(wanted, commit)
        self._running = trial(revision.number)
        self._set_alarm()
        return shown(self._running, {})

    async def end(self, keep: bool) -> Trial:
        """UsageError when nothing is being tried."""
        async with self._lock:
            if self._running is None:
                hint = "try something first, such as: sandbox traffic try --for 60s retry pantry 2 --codes 503"
                raise UsageError("nothing is being tried", place="traffic", hint=hint)
            if not keep:
                return await self._revert("reverted: ended by hand")
            signals = await self._now()
            self._live.store.note(**{_NOTE: None})
            return self._over("kept", signals)

    async def shown(self) -> Trial | None:
        """The one that runs, else the one that ended last."""
        if self._running is None:
            return self._ended
        return shown(self._running, await self._now())

    def resume(self, project: Project) -> None:
        """With the lock held, once policies were read: what a supervisor before this one began goes on, or is over."""
        if self._running is not None or (note := self._live.store.noted(_NOTE)) is None:
            return
        try:
            self._running = of_note(note)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            log.warning("what was being tried can't be read: %r", error)
            self._live.store.note(**{_NOTE: None})
            return
        if self._running.ends_at > self._means.clock() or not self._is_turned_back(project):
            self._set_alarm()

    def _is_turned_back(self, project: Project) -> bool:
        """Now that its time is over. A disk that does not take it keeps no project from beginning."""
        why = "its time ended while no supervisor ran"
        try:
            self._live.turn_back(self._way_back(project), self._commit(why))
        except SandboxError as error:
            self._say(f"what was tried could not be reverted yet: {error}", Severity.ERROR)
            return False
        self._over(f"reverted: {why}", {})
        return True

    # --- the end ----------------------------------------------------------------------------------------------------

    def _set_alarm(self) -> None:
        self._alarm = self._tasks.spawn(self._at_the_end(), name="end what is being tried")

    async def _at_the_end(self) -> None:
        while (trial := self._running) is not None:
            await asyncio.sleep(max(0.0, trial.ends_at - self._means.clock()))
            try:
                async with self._lock:
                    if self._running is trial:
                        await self._revert("reverted: its time was over")
                        return
            except SandboxError as error:
                self._say(f"what was tried could not be reverted yet: {error}", Severity.ERROR)
                await asyncio.sleep(_AGAIN)

    async def _revert(self, how: str) -> Trial:
        signals = await self._now()
        wanted = self._way_back(self._means.project())
        if wanted.documents == self._live.documents:
            self._live.store.note(**{_NOTE: None})
        else:
            await self._live.put_back(wanted, self._commit(how))
        return self._over(how, signals)

    def _commit(self, why: str) -> Commit:
        return Commit(origin=Origin.TRIAL, why=why, notes=lambda number: {_NOTE: None})

    def _way_back(self, project: Project) -> Wanted:
        """What was in force before; where the project has changed so that this is not valid, what the file says."""
        assert self._running is not None
        back = way_back(self._running, self._live.documents)
        if back.left:
            self._say(f"the policy of {', '.join(back.left)} was changed during the trial, and stays so")
        try:
            return self._live.wanted(with_documents(self._live.documents, back.documents), project)
        except ConfigError:
            file = {name: self._live.file.get(name) for name in back.documents}
            return self._live.wanted(with_documents(self._live.documents, file), project)

    def _over(self, how: str, signals: Mapping[str, GoldenSignals]) -> Trial:
        assert self._running is not None
        self._ended, self._running = shown(self._running, signals, ended=how), None
        if self._alarm is not None and self._alarm is not asyncio.current_task():
            self._alarm.cancel()
        self._alarm = None
        return self._ended

    # --- numbers ----------------------------------------------------------------------------------------------------

    async def _now(self) -> dict[str, GoldenSignals]:
        assert self._running is not None
        return await self._signals(self._running.services, self._running.began_at)

    async def _signals(self, services: Sequence[str], since: float) -> dict[str, GoldenSignals]:
        """Of what is tried, and of what people see: the public services."""
        public = [name for name, one in self._means.project().services.items() if one.public]
        found = {name: await self._means.golden(name, None, since) for name in dict.fromkeys([*services, *public])}
        return {name: signals for name, signals in found.items() if signals is not None}

    def _say(self, message: str, severity: Severity = Severity.WARNING) -> None:
        self._means.bus.publish(Event(kind=Kind.NOTICE, message=message, severity=severity))
