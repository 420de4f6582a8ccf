"""Starting a project's daemon under its shim."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from contextlib import suppress

from sandbox.api.client import Client
from sandbox.daemon.refusal import Refusal, forget_refusal, refusal
from sandbox.errors import NotRunningError, SandboxError
from sandbox.paths import ProjectPaths
from sandbox.runtime.client import ShimClient, ShimRefusal, shut_down
from sandbox.runtime.launch import launch
from sandbox.runtime.logfile import last_lines
from sandbox.runtime.selfexec import self_command
from sandbox.tasks import Tasks

SUPERVISOR = "supervisor"
"""The id under which the shim runs the daemon."""

ANSWERS_WITHIN = 30.0
"""Seconds; a slow disk and a cold cache need about three."""

LEAST_ROOM = 1024 * 1024
"""Bytes on the disk of a project's state, without which it can't even say why it fails."""

_LOG_LIMIT = 4 * 1024 * 1024
_POLL = 0.02


async def launch_daemon(paths: ProjectPaths) -> bool:
    """Return once the daemon answers: whether it had to be started. SandboxError with its last words otherwise, and
    Refusal when it says that it can't begin; one that was started here is then ended again."""
    _need_room(paths)
    started = await start_daemon(paths)
    try:
        await _until_it_answers(paths)
    except Refusal:
        if started:
            await asyncio.to_thread(_end, paths)
        raise
    return started


def _end(paths: ProjectPaths) -> None:
    with suppress(NotRunningError):
        shut_down(paths.shim_socket, 0.0)
    with suppress(OSError):  # it holds what was begun, or is not there
        paths.docker.rmdir()


async def start_daemon(paths: ProjectPaths) -> bool:
    """Have a shim, and have it run the daemon. False when it does already."""
    await _launch_shim(paths)
    forget_refusal(paths)
    shim = await ShimClient.connect(paths.shim_socket)
    try:
        await shim.start(
            SUPERVISOR,
            self_command("sandbox.daemon", str(paths.state)),
            cwd=paths.state,
            env={**os.environ, "SANDBOX_HOME": str(paths.home)},
            log=paths.logs / f"{SUPERVISOR}.log",
            log_max_bytes=_LOG_LIMIT,
            role="daemon",
            restart=True,
        )
    except ShimRefusal as refusal:
        if refusal.errno_name != "exists":
            raise
        return False
    finally:
        await shim.close()
    return True


def _need_room(paths: ProjectPaths) -> None:
    room = shutil.disk_usage(paths.state).free
    if room < LEAST_ROOM:
        raise SandboxError(
            f"only {room // 1024} KB of its disk are free", place=str(paths.state), hint="free some disk space"
        )


async def _launch_shim(paths: ProjectPaths) -> None:
    """Cancelled, it still waits for the thread: a shim that came up afterwards would be nobody's."""
    tasks = Tasks()
    launching = tasks.spawn(asyncio.to_thread(launch, paths), name="launch the shim")
    try:
        await asyncio.shield(launching)
    except asyncio.CancelledError:
        await asyncio.wait([launching])
        raise


async def _until_it_answers(paths: ProjectPaths) -> None:
    deadline = time.monotonic() + ANSWERS_WITHIN
    async with Client(paths.api_socket) as control:
        while not await _answers(control):
            if (refused := refusal(paths)) is not None:
                raise refused
            if time.monotonic() >= deadline:
                raise _silent(paths)
            await asyncio.sleep(_POLL)


async def _answers(control: Client) -> bool:
    try:
        await control.status()
    except NotRunningError:
        return False
    return True


def _silent(paths: ProjectPaths) -> SandboxError:
    journal = paths.logs / f"{SUPERVISOR}.log"
    words = " / ".join(last_lines(journal, 3)) or "it said nothing"
    return SandboxError(
        f"the supervisor did not answer within {ANSWERS_WITHIN:g} s; its last words: {words}",
        place=paths.id,
        hint=f"its whole log: {journal}",
    )
