"""Containers' output into our own log files, where it stays when the container goes.

The engine keeps what a container writes until it is removed, so nothing is lost while no supervisor follows: a new one
reads on at the very byte where the log file ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sandbox.runtime.base import Running
from sandbox.runtime.docker.logsink import Sink, position
from sandbox.runtime.docker.stream import StreamRefused, Streams
from sandbox.runtime.docker.watch import set_within
from sandbox.tasks import Tasks

_LAST_WORDS = 2.0
"""Seconds that the engine has to hand over what a container wrote before it ended."""

_RETRY = 0.5
_SETTLE = 0.1
_MUCH = 1024 * 1024
_SILENCE = 1.0
"""Seconds after which an engine that was silent after much is asked anew: it may have lost its place where it began
another file (Docker 20.10: once in ten times 30 MB)."""

_GONE = (404, 409)
"""What an engine answers that has no such container, or is about to remove it."""


@dataclass(slots=True, eq=False)
class _Following:
    task: asyncio.Task[None]
    ended: asyncio.Event  # the container did


class Logs:
    """One follower for each container."""

    def __init__(self, folder: Path, streams: Streams) -> None:
        self._folder = folder
        self._streams = streams
        self._tasks = Tasks()
        self._following: dict[str, _Following] = {}  # by container
        self._waiting: set[Sink] = set()  # with the end of a flood in hand

    def follow(self, running: Running, limit: int, *, anew: bool) -> None:
        """`anew`: it was just started; otherwise an earlier supervisor may have followed it already."""
        container, instance = str(running.container), running.id
        if container not in self._following:
            ended = asyncio.Event()
            work = self._follow(running, limit, ended, anew=anew)
            self._following[container] = _Following(
                self._tasks.spawn(work, name=f"follow the log of {instance}"), ended
            )

    async def finish(self, container: str) -> None:
        """After the container ended: until its last words are kept."""
        following = self._following.pop(container, None)
        if following is not None:
            following.ended.set()
            await asyncio.wait([following.task], timeout=_LAST_WORDS)
            following.task.cancel()

    async def close(self) -> None:
        self._following.clear()
        await self._tasks.close()

    async def _follow(self, running: Running, limit: int, ended: asyncio.Event, *, anew: bool) -> None:
        path = self._folder / f"{running.id}.log"
        known = None if anew else position(path, running.started_at)
        sink = Sink(path, limit, known)
        if known is None:
            sink.begin(running.pid or 0, running.started_at)
        try:
            while not await self._copy(str(running.container), sink, last=(last := ended.is_set())):
                await (asyncio.sleep(_RETRY) if last else set_within(ended, _RETRY))
                sink.resume()
        finally:
            sink.end()

    async def _copy(self, container: str, sink: Sink, *, last: bool) -> bool:
        """Whether there is nothing more to come. An engine also hangs up when it stops and its containers go on, so
        that is sure only of the `last` copy, which is made once the container has ended."""
        read, clock = 0, asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as patience:
                async for message in self._streams.logs(container, sink.since, follow=not last):
                    sink.take(message)
                    if sink.waits:
                        self._settle_soon(sink)
                    read += len(message)
                    if read > _MUCH:
                        patience.reschedule(clock() + _SILENCE)
        except StreamRefused as error:
            return error.status in _GONE
        except OSError:  # TimeoutError among them
            return False
        return last

    def _settle_soon(self, sink: Sink) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_later(_SETTLE, self._settle)
        self._waiting.add(sink)

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for sink in waiting:
            sink.settle()
            if sink.waits:
                self._settle_soon(sink)
