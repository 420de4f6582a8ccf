"""Running an installer: its output line by line, and nothing left of it when cancelled."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Output
from sandbox.runtime.logtext import clean
from sandbox.runtime.shim.proctable import MARK
from sandbox.tasks import Tasks

_LAST = 15
_NOISE = "Using Python "  # uv names the environment, under its temporary name
_LONGEST_LINE = 16 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    last: tuple[str, ...]  # its last lines


async def run_tool(argv: Sequence[str], cwd: Path, environment: Mapping[str, str], output: Output) -> Done:
    """RuntimeFailure when it can't be started."""
    starting = Tasks().spawn(_start(argv, cwd, {**environment, **_mark()}), name=f"start {argv[0]}")
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:  # it may run already, and have begun others
        if not isinstance(process := await starting, OSError):
            await _end(process)
        raise
    if isinstance(process, OSError):
        raise RuntimeFailure(f"{argv[0]} could not be started: {process.strerror}", place=str(cwd)) from None
    last: deque[str] = deque(maxlen=_LAST)
    try:
        assert process.stdout is not None
        await _hear(process.stdout, output, last)
        return Done(await process.wait(), tuple(last))
    except asyncio.CancelledError:
        await _end(process)
        raise


async def _start(argv: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Process | OSError:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return error


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())


def _mark() -> dict[str, str]:
    """Our own mark, so that the shim ends the tool with us should we die."""
    return {MARK: os.environ[MARK]} if MARK in os.environ else {}


async def _hear(stream: asyncio.StreamReader, output: Output, last: deque[str]) -> None:
    rest = b""
    while chunk := await stream.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-_LONGEST_LINE:]
        for line in lines:
            _say(line, output, last)
    _say(rest, output, last)


def _say(raw: bytes, output: Output, last: deque[str]) -> None:
    line = clean(raw[:_LONGEST_LINE]).rstrip()
    if line and not line.startswith(_NOISE):
        last.append(line)
        output(line)
