"""Short commands inside a container, for health checks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

import aiohttp

from sandbox.runtime.docker.engine import Engine, EngineGone
from sandbox.runtime.docker.program import REFUSED, missing
from sandbox.runtime.docker.stream import Streams
from sandbox.tasks import Tasks

_KEPT = 4096

_TELL_PID = ("sh", "-c", 'echo $$; exec "$@"', "sh")
"""The engine can't end a command that it runs for us, so the command's own shell tells who it is."""

_POLL = 0.01
_INTRODUCTION_TRIES = 200
"""Looks: what an engine may take to start a shell."""

_NO_SUCH_PROGRAM = (126, 127)
"""POSIX shells, and engines: found and not executable, not found."""


class Inside:
    """Runs commands in one container."""

    def __init__(self, engine: Engine, streams: Streams, container: str, place: str) -> None:
        self._engine = engine
        self._streams = streams
        self._container = container
        self._place = place

    async def run(self, argv: Sequence[str], timeout: float) -> tuple[int, str]:
        """Exit code and the last 4 KiB of output. TimeoutError, and the command is ended; RuntimeFailure."""
        said = bytearray()
        code = await self._within(timeout, self._execute((*_TELL_PID, *argv), said), said)
        first, _, output = bytes(said).partition(b"\n")
        if code in _NO_SUCH_PROGRAM and not first.isdigit():  # an image without a shell
            again = bytearray()
            code = await self._within(timeout, self._execute(argv, again), again)
            output = bytes(again)
        text = output[-_KEPT:].decode(errors="replace")
        if code in _NO_SUCH_PROGRAM and _is_refusal(text, argv[0]):
            raise missing(argv[0], self._place)
        return code, text

    async def _execute(self, argv: Sequence[str], said: bytearray) -> int:
        made = await self._engine.call(
            lambda api: api.exec_create(self._container, list(argv), stdout=True, stderr=True)["Id"], place=self._place
        )
        try:
            async for message in self._streams.execute(made):
                said += message
                if len(said) > 4 * _KEPT:
                    del said[_KEPT:-_KEPT]  # the first line and the end stay
        except (OSError, aiohttp.ClientError) as error:
            raise EngineGone(f"the command was cut off: {error}", place=self._place) from error
        return await self._exit_code(made)

    async def _exit_code(self, made: str) -> int:
        """A command's output ends a moment before the engine knows how it ended."""
        while True:
            found = await self._engine.call(lambda api: api.exec_inspect(made), place=self._place)
            if not found["Running"]:
                return int(found["ExitCode"] or 0)
            await asyncio.sleep(_POLL)

    async def _within(self, timeout: float, work: Coroutine[None, None, int], said: bytearray) -> int:
        tasks = Tasks()
        try:
            task = tasks.spawn(_outcome(work), name=f"run in {self._place}")
            if not (await asyncio.wait([task], timeout=timeout))[0]:
                await self._kill(said)
                raise TimeoutError
        finally:
            await tasks.close()
        outcome = task.result()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def _kill(self, said: bytearray) -> None:
        """Once it said who it is, which it may not have had the time for."""
        for _ in range(_INTRODUCTION_TRIES):
            if b"\n" in said:
                break
            await asyncio.sleep(_POLL)
        pid = bytes(said).partition(b"\n")[0]
        if pid.isdigit():  # the engine starts each command in a session of its own
            await self._execute(("sh", "-c", f"kill -9 -{int(pid)} || kill -9 {int(pid)}"), bytearray())


def _is_refusal(text: str, program: str) -> bool:
    """Of the engine, or of the shell that was to become the program; not of a shell that is the program."""
    return text.startswith(REFUSED.decode()) or (text.startswith("sh: ") and "exec" in text and program in text)


async def _outcome(work: Coroutine[None, None, int]) -> int | BaseException:
    """Its failure is raised by whoever waits for it, not reported as that of a background task."""
    return (await asyncio.gather(work, return_exceptions=True))[0]
