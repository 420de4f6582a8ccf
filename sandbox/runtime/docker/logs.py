"""Containers' output into our own log files, where it stays when the container goes.

The engine keeps what a container writes until it is removed, so nothing is lost while no supervisor follows: a new one
reads on where the log file ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path

import aiohttp

from sandbox.runtime.base import Running
from sandbox.runtime.docker.ends import moment
from sandbox.runtime.docker.stream import Streams
from sandbox.runtime.shim.journal import DATA, RECORD, START, Journal
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

_LAST_WORDS = 2.0
"""Seconds that the engine has to hand over what a container wrote before it ended."""

_RETRY = 0.5


class Logs:
    """One follower for each container."""

    def __init__(self, folder: Path, streams: Streams) -> None:
        self._folder = folder
        self._streams = streams
        self._tasks = Tasks()
        self._following: dict[str, asyncio.Task[None]] = {}  # by container

    def follow(self, running: Running, limit: int, *, anew: bool) -> None:
        """`anew`: it was just started; otherwise an earlier supervisor followed it already."""
        container, instance = str(running.container), running.id
        if container not in self._following:
            work = self._follow(running, limit, anew=anew)
            self._following[container] = self._tasks.spawn(work, name=f"follow the log of {instance}")

    async def finish(self, container: str) -> None:
        """After the container ended: until its last words are kept."""
        task = self._following.pop(container, None)
        if task is not None:
            await asyncio.wait([task], timeout=_LAST_WORDS)
            task.cancel()

    async def close(self) -> None:
        self._following.clear()
        await self._tasks.close()

    async def _follow(self, running: Running, limit: int, *, anew: bool) -> None:
        path = self._folder / f"{running.id}.log"
        known = None if anew else position(path)
        sink = Sink(path, limit, known)
        if known is None:
            sink.begin(running.pid or 0, running.started_at)
        try:
            while not await self._copy(str(running.container), sink):
                await asyncio.sleep(_RETRY)
                sink.resume(position(path))
        finally:
            sink.end()

    async def _copy(self, container: str, sink: Sink) -> bool:
        """Whether there is nothing more to come. False when the engine went away in the middle."""
        try:
            async for message in self._streams.logs(container, sink.since):
                sink.take(message)
        except aiohttp.ClientResponseError:
            return True  # the container is gone
        except (OSError, aiohttp.ClientError):
            return False
        return True


class Sink:
    """Writes messages of the engine into a log, leaving out what the log has already."""

    def __init__(self, path: Path, limit: int, known: tuple[float, int] | None) -> None:
        self._at = 0.0
        self._journal = Journal(str(path), limit, clock=lambda: self._at)
        self.resume(known)

    def begin(self, pid: int, at: float) -> None:
        self._at = at
        self._journal.begin(pid)

    def resume(self, known: tuple[float, int] | None) -> None:
        """`known`: the time of the log's last record, and how many lines it has since then."""
        self._after, self._skip = known if known is not None else (0.0, 0)

    @property
    def since(self) -> str | None:
        return f"{self._after:.9f}" if self._after else None

    def take(self, message: bytes) -> None:
        stamp, _, text = message.partition(b" ")
        at = moment(stamp.decode("ascii", "replace")) or 0.0
        if at < self._after - 0.001:
            return
        if self._skip:
            self._skip -= 1
            return
        self._at = at
        self._journal.feed(text)

    def end(self) -> None:
        self._journal.end()


def position(path: Path) -> tuple[float, int] | None:
    """Where a log ends: the time of the last record of its index, and the lines since. None for an empty log."""
    with suppress(OSError):
        index = Path(f"{path}.idx").read_bytes()
        records = [RECORD.unpack_from(index, at) for at in range(0, len(index) - RECORD.size + 1, RECORD.size)]
        for at, offset, kind, _ in reversed(records):
            if kind in (DATA, START):
                return at, _lines_from(path, offset)
    return None


def _lines_from(path: Path, offset: int) -> int:
    with path.open("rb") as file:
        file.seek(offset, os.SEEK_SET)
        rest = file.read()
    return rest.count(b"\n") + (1 if rest and not rest.endswith(b"\n") else 0)
