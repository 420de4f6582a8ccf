"""Follows the log of one service, or of several together, and hands its lines over in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sandbox.control import LogLine, LogQuery, LogsControl
from sandbox.errors import SandboxError
from sandbox.tasks import Tasks
from sandbox.tui.logview import MOST_LINES

TAIL = 500
_BATCH_EVERY = 0.1
"""Seconds between two changes of the screen, however many lines there are."""
_SETTLE = 0.12
"""Seconds that a choice must last before its log is asked for, so that moving through the table asks for one only."""
_RETRY_AFTER = 1.0
_BREATH = 200
"""Lines after which a flood lets the keys have their turn."""


@dataclass(frozen=True, slots=True)
class Choice:
    services: tuple[str, ...] = ()  # empty: all
    instance: str | None = None  # None: all of them

    @property
    def title(self) -> str:
        return self.instance or ", ".join(self.services) or "all services"


class LogStream:
    """begin: called before the first lines of a log (again after the supervisor was away). show: takes each batch."""

    def __init__(
        self,
        control: LogsControl,
        *,
        begin: Callable[[], None],
        show: Callable[[Sequence[LogLine]], None],
        tail: int = TAIL,
        most: int = MOST_LINES,
    ) -> None:
        self._control = control
        self._begin = begin
        self._show = show
        self._tail = tail
        self._tasks = Tasks()
        self._task: asyncio.Task[None] | None = None
        self._pending: deque[LogLine] = deque(maxlen=most)
        self._flush: asyncio.TimerHandle | None = None

    def choose(self, choice: Choice) -> None:
        self._drop()
        self._task = self._tasks.spawn(self._follow(choice), name=f"follow the log of {choice.title}")

    def leave(self) -> None:
        """Follow nothing until something is chosen again."""
        self._drop()

    async def close(self) -> None:
        self._drop()
        await self._tasks.close()

    def _drop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        self._pending.clear()

    async def _follow(self, choice: Choice) -> None:
        await asyncio.sleep(_SETTLE)
        query = LogQuery(services=choice.services, tail=self._tail, follow=True)
        while True:
            with suppress(SandboxError):  # the feed says so
                await self._read(query, choice.instance)
            await asyncio.sleep(_RETRY_AFTER)

    async def _read(self, query: LogQuery, instance: str | None) -> None:
        count = 0
        async for line in self._control.logs(query):
            if instance is None or line.instance == instance:
                if not count:
                    self._begin()
                self._collect(line)
                count += 1
            if count % _BREATH == 0:
                await asyncio.sleep(0)

    def _collect(self, line: LogLine) -> None:
        self._pending.append(line)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_BATCH_EVERY, self._hand_over)

    def _hand_over(self) -> None:
        self._flush = None
        lines = tuple(self._pending)
        self._pending.clear()
        self._show(lines)
