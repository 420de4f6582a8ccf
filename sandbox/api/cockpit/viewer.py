"""One terminal UI for one browser: a process, and the bytes to and fro."""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sandbox.api.cockpit.packets import DATA, MESSAGE, NoPacketError, Parser, message, packet
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

QUITS_WITHIN = 2.0
"""Seconds a terminal UI may take to end when its browser has gone, before it is killed."""

READS_WITHIN = 10.0
"""Seconds a terminal UI may leave what is typed unread, before it is killed: meanwhile nobody hears its browser go."""

_HEARD_WITHIN = 1.0
"""Seconds for the last words of one that has ended. What it started may hold its output open."""

LARGEST, SMALLEST = (500, 200), (20, 5)
_CHUNK = 64 * 1024
_LAST_WORDS = 4096

_DRIVER = {
    "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
    "TEXTUAL_COLOR_SYSTEM": "truecolor",
    "TEXTUAL_FPS": "30",
    "TERM_PROGRAM": "textual",
}


@dataclass(frozen=True, slots=True)
class Size:
    width: int
    height: int

    @classmethod
    def of(cls, width: Any, height: Any) -> Size:
        """Of what a browser says, within reason."""
        return cls(_within(width, SMALLEST[0], LARGEST[0]), _within(height, SMALLEST[1], LARGEST[1]))


def _within(value: Any, low: int, high: int) -> int:
    try:
        return min(high, max(low, int(value)))
    except (TypeError, ValueError, OverflowError):
        return low


class Viewer:
    """The process from `start` to `stop`. What it prints for the terminal comes out of `output`."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._argv = argv
        self._environment = environment
        self._tasks = Tasks()
        self._process: Process | None = None
        self._complaint = bytearray()
        self._hearing: asyncio.Task[None] | None = None

    @property
    def returncode(self) -> int | None:
        return self._process.returncode if self._process is not None else None

    async def start(self, size: Size) -> None:
        """OSError when it can't be started."""
        environment = {name: value for name, value in self._environment.items() if name not in ("NO_COLOR", "TERM")}
        environment |= _DRIVER | {"COLUMNS": str(size.width), "ROWS": str(size.height), "TERM": "xterm-256color"}
        self._process = await asyncio.create_subprocess_exec(
            *self._argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
        )
        self._hearing = self._tasks.spawn(self._hear_complaints(), name="hear a viewer's complaints")

    async def output(self, heard: Callable[[Mapping[str, Any]], Awaitable[None]]) -> AsyncGenerator[bytes, None]:
        """Until the process ends. `heard` takes its messages, such as {type: open_url, url: …}."""
        assert self._process is not None and self._process.stdout is not None
        parser = Parser()
        try:
            while data := await self._process.stdout.read(_CHUNK):
                for kind, payload in parser.feed(data):
                    if kind == DATA:
                        yield payload
                    elif kind == MESSAGE:
                        await heard(json.loads(payload))
        except (NoPacketError, ValueError) as error:
            log.warning("a viewer wrote what can't be read: %s", error)

    async def type(self, text: str) -> None:
        await self._write(packet(DATA, text.encode(errors="replace")))

    async def tell(self, **fields: Any) -> None:
        """`type` is resize (with width and height), focus, blur or quit."""
        await self._write(message(**fields))

    async def stop(self) -> None:
        """Ask it to end, and see to it that it does. Nobody may be reading `output` any more."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUITS_WITHIN):
                    await self.tell(type="quit")
                    await self._ended(process)
        if process.returncode is None:
            _kill(process)
            await self._ended(process)
        if self._hearing is not None:  # its last words may be on their way still
            await asyncio.wait([self._hearing], timeout=_HEARD_WITHIN)
        await self._tasks.close()
        if process.returncode not in (0, -15, -9) and self._complaint:
            log.warning("a viewer ended with %s: %s", process.returncode, self._complaint.decode(errors="replace"))

    async def _ended(self, process: Process) -> None:
        """What it still writes is read away: its end is not heard of before that of its output."""
        assert process.stdout is not None
        while await process.stdout.read(_CHUNK):
            pass
        await process.wait()

    async def _write(self, data: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            async with asyncio.timeout(READS_WITHIN):
                self._process.stdin.write(data)
                await self._process.stdin.drain()
        except (ConnectionError, RuntimeError):
            pass
        except TimeoutError:
            log.warning("a viewer did not read for %g s and is ended", READS_WITHIN)
            _kill(self._process)

    async def _hear_complaints(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        while data := await self._process.stderr.read(_LAST_WORDS):
            self._complaint += data
            del self._complaint[:-_LAST_WORDS]


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
