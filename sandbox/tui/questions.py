"""What a screen asks again and again while it is in sight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from sandbox.errors import NotRunningError, SandboxError
from sandbox.tasks import Tasks

_ABSENT_AFTER = 5.0
"""Seconds until a part that did not answer is asked again."""


class Question(NamedTuple):
    """what: its name in words, said when there is no answer. every: seconds; None asks once and when it is woken."""

    what: str
    ask: Callable[[], Awaitable[Any]]
    take: Callable[[Any], None]
    every: float | None


class Questions:
    """missing: told what has no answer and why, and with "" once it has."""

    def __init__(self, missing: Callable[[str, str], None]) -> None:
        self._missing = missing
        self._tasks = Tasks(lambda name, error: missing(name, f"internal error: {error}"))
        self._running: list[asyncio.Task[None]] = []
        self._wakes: dict[str, asyncio.Event] = {}

    def begin(self, questions: Iterable[Question]) -> None:
        self.end()
        for question in questions:
            self._wakes[question.what] = asyncio.Event()
            self._running.append(self._tasks.spawn(self._ask(question), name=question.what))

    def again(self, what: str = "") -> None:
        """Ask now; without a name, everything."""
        for name, wake in self._wakes.items():
            if what in ("", name):
                wake.set()

    def end(self) -> None:
        for task in self._running:
            task.cancel()
        self._running.clear()
        self._wakes.clear()

    async def close(self) -> None:
        self.end()
        await self._tasks.close()

    async def _ask(self, question: Question) -> None:
        wake = self._wakes[question.what]
        while True:
            wake.clear()
            pause = question.every
            try:
                answer = await question.ask()
            except NotRunningError:  # said for the whole screen
                pause = _ABSENT_AFTER
            except SandboxError as error:
                self._missing(question.what, str(error))
                pause = _ABSENT_AFTER
            else:
                self._missing(question.what, "")
                question.take(answer)
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), pause)
