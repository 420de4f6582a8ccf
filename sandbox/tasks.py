"""Background tasks with a name and an owner, none of which dies silently."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
Failure = Callable[[str, BaseException], None]


def until_tick(now: float, seconds: float) -> float:
    """Seconds from `now` until the next multiple of `seconds` that is not nearer than half of them. What waits for such
    moments wakes together, and a process that wakes less often costs less."""
    return math.ceil((now + seconds / 2) / seconds) * seconds - now


class Tasks:
    """Owns background tasks: keeps them referenced, reports their failures, and cancels them together."""

    def __init__(self, on_failure: Failure | None = None) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_failure = on_failure

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("task %s failed", task.get_name(), exc_info=error)
        if self._on_failure is not None:
            self._on_failure(task.get_name(), error)

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        pending = list(self._tasks)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
