"""The containers that run: stopping them, hearing how they ended, and putting what is left of them away."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Exit
from sandbox.runtime.docker.ends import exit_of, moment, signal_number
from sandbox.runtime.docker.engine import Engine, NotThere
from sandbox.runtime.docker.logs import Logs
from sandbox.runtime.docker.records import Record, Records
from sandbox.runtime.docker.watch import EngineWatch, set_within
from sandbox.tasks import Failure, Tasks

log = logging.getLogger(__name__)

_DIES_WITHIN = 15.0
"""Seconds the engine may take to end a container that was killed."""

_YOUNG = 2.0


class Lives:
    """`discard` removes what is left of an instance whose end was told."""

    def __init__(
        self,
        engine: Engine,
        watch: EngineWatch,
        records: Records,
        logs: Logs,
        discard: Callable[[Record], Awaitable[None]],
        on_failure: Failure,
    ) -> None:
        self._engine = engine
        self._watch = watch
        self._records = records
        self._logs = logs
        self._discard = discard
        self._exits: asyncio.Queue[tuple[Exit, Record]] = asyncio.Queue()  # one for each container at most
        self._tasks = Tasks(on_failure)

    async def close(self) -> None:
        await self._tasks.close()

    async def exits(self) -> AsyncIterator[Exit]:
        while True:
            exit, record = await self._exits.get()
            try:
                yield exit
            finally:
                self._tasks.spawn(self._put_away(record), name=f"remove {record.container[:12]}")

    async def stop(self, record: Record, grace: float) -> None:
        record.stop_asked = True
        await set_within(record.started, _DIES_WITHIN)
        await self._signal(record, None)
        if not await set_within(record.ended, grace):
            await self._signal(record, signal.SIGKILL)
            if not await set_within(record.ended, _DIES_WITHIN):
                raise RuntimeFailure(
                    "the engine does not end it", place=record.instance, hint="see: docker ps; docker info"
                )

    def hear(self, record: Record, action: str, details: Mapping[str, Any]) -> None:
        """Of something that the engine says has happened to a container."""
        if action == "kill" and not record.stop_asked:
            number = signal_number(str(details.get("signal", "")))
            record.stopped_by = record.stopped_by if number == signal.SIGCONT else number  # which ends nothing
        elif action in ("die", "destroy"):
            record.code = int(details.get("exitCode", record.code))
            self.ended(record)

    def ended(self, record: Record) -> None:
        if not record.told:
            record.told = True
            self._tasks.spawn(self._tell_end(record), name=f"hear the end of {record.instance}")

    async def _signal(self, record: Record, number: int | None) -> None:
        """`number` None: the signal that the image or the file names for stopping."""
        await self._watch.present()

        def send(api: Any) -> None:
            details = api.inspect_container(record.container)
            if number is None and _is_young(details):
                _wait_for_init(api, record.container)
            api.kill(record.container, number or details["Config"].get("StopSignal") or "SIGTERM")

        try:
            await self._engine.call(send, place=record.instance)
        except NotThere:
            self.ended(record)
        except RuntimeFailure as error:
            if "is not running" not in error.message:
                raise
            self.ended(record)

    async def _tell_end(self, record: Record) -> None:
        await record.started.wait()
        details: Mapping[str, Any] = {"State": {"ExitCode": record.code}}
        try:
            details = await self._watch.patiently(
                lambda: self._engine.call(lambda api: api.inspect_container(record.container))
            )
        except RuntimeFailure as error:  # an end that is never told is worse than one without its reason
            log.info("the engine does not say how %s ended: %s", record.instance, error)
        await self._logs.finish(record.container)
        pid = record.running.pid if record.running else None
        exit = exit_of(record.instance, pid, details, stopped_by=record.stopped_by)
        self._exits.put_nowait((replace(exit, at=exit.at or time.time()), record))
        record.ended.set()

    async def _put_away(self, record: Record) -> None:
        """An engine that goes away meanwhile is asked again when it is back."""
        await self._watch.patiently(lambda: self._discard(record))


def _is_young(details: Mapping[str, Any]) -> bool:
    started = moment(str((details.get("State") or {}).get("StartedAt", ""))) or 0.0
    return time.time() - started < _YOUNG


def _wait_for_init(api: Any, container: str) -> None:
    """Until the init process has started the program. Before, a polite signal is lost: Linux drops what the first
    process of a PID namespace has no handler for, pid_namespaces(7)."""
    deadline = time.monotonic() + _YOUNG
    while len(api.top(container)["Processes"] or ()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
