"""Short commands inside a container, for health checks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.engine import Engine, EngineGone
from sandbox.runtime.docker.program import REFUSED, missing
from sandbox.runtime.docker.stream import STDOUT, Streams
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
        """Exit code and the last 4 KiB of output. A command that takes too long (TimeoutError), or that nobody waits
        for any more, is ended. RuntimeFailure."""
        heard = _Heard(introduced=True)
        code = await self._within(timeout, self._execute((*_TELL_PID, *argv), heard), heard)
        if code in _NO_SUCH_PROGRAM and heard.pid is None:  # an image without a shell
            heard = _Heard(introduced=False)
            code = await self._within(timeout, self._execute(argv, heard), heard)
        text = heard.text
        if code in _NO_SUCH_PROGRAM and _is_refusal(text, argv[0]):
            raise missing(argv[0], self._place)
        return code, text

    async def _execute(self, argv: Sequence[str], heard: _Heard) -> int:
        made = await self._engine.call(
            lambda api: api.exec_create(self._container, list(argv), stdout=True, stderr=True)["Id"], place=self._place
        )
        try:
            async for output, message in self._streams.execute(made):
                heard.take(output, message)
        except OSError as error:
            raise EngineGone(f"the command was cut off: {error}", place=self._place) from error
        return await self._exit_code(made)

    async def _exit_code(self, made: str) -> int:
        """A command's output ends a moment before the engine knows how it ended."""
        while True:
            found = await self._engine.call(lambda api: api.exec_inspect(made), place=self._place)
            if not found["Running"]:
                return int(found["ExitCode"] or 0)
            await asyncio.sleep(_POLL)

    async def _within(self, timeout: float, work: Coroutine[None, None, int], heard: _Heard) -> int:
        tasks = Tasks()
        task = tasks.spawn(_outcome(work), name=f"run in {self._place}")
        try:
            if not (await asyncio.wait([task], timeout=timeout))[0]:
                raise TimeoutError
        except (TimeoutError, asyncio.CancelledError):
            with suppress(RuntimeFailure):  # it may end, or the engine go away, meanwhile
                await self._kill(heard)
            raise
        finally:
            await tasks.close()
        outcome = task.result()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def _kill(self, heard: _Heard) -> None:
        """Once it said who it is, which it may not have had the time for."""
        for _ in range(_INTRODUCTION_TRIES):
            if heard.pid is not None:
                break
            await asyncio.sleep(_POLL)
        if heard.pid is not None:  # the engine starts each command in a session of its own
            kill = f"kill -9 -{heard.pid} || kill -9 {heard.pid}"
            await self._execute(("sh", "-c", kill), _Heard(introduced=False))


class _Heard:
    """What a command wrote. `introduced`: the first line of its standard output is its pid."""

    def __init__(self, *, introduced: bool) -> None:
        self.pid: int | None = None
        self._first: bytes | None = b"" if introduced else None  # what there is of that line
        self._output = bytearray()

    def take(self, output: int, message: bytes) -> None:
        if self._first is not None and output == STDOUT:
            line, end, message = (self._first + message).partition(b"\n")
            self._first = None if end else line
            self.pid = int(line) if end and line.isdigit() else None
        self._output += message
        del self._output[:-_KEPT]

    @property
    def text(self) -> str:
        return self._output.decode(errors="replace")


def _is_refusal(text: str, program: str) -> bool:
    """Of the engine, or of the shell that was to become the program; not of a shell that is the program."""
    return text.startswith(REFUSED.decode()) or (text.startswith("sh: ") and "exec" in text and program in text)


async def _outcome(work: Coroutine[None, None, int]) -> int | BaseException:
    """Its failure is raised by whoever waits for it, not reported as that of a background task."""
    return (await asyncio.gather(work, return_exceptions=True))[0]
