"""`sandbox down`: stop everything of a project, and make sure that nothing is left."""

from __future__ import annotations

import asyncio
import shutil
import time
from argparse import Namespace

from sandbox.api.client import Client
from sandbox.cli.project import find_project
from sandbox.errors import SandboxError
from sandbox.paths import ProjectPaths
from sandbox.runtime.client import end_shim, shim_lives
from sandbox.runtime.sweep import sweep

_PATIENCE = 20.0
"""Seconds for the supervisor to bring all down by itself; services have 10 s (`stop_grace_period`) unless told otherwise."""

_POLL = 0.02


def run(options: Namespace) -> int:
    project = find_project(options)
    was_running = asyncio.run(bring_down(project.paths))
    if options.purge:
        shutil.rmtree(project.paths.state, ignore_errors=True)
    name = project.paths.id
    print(f"{name} is stopped; nothing is left running" if was_running else f"{name} was not running")
    if options.purge:
        print("its ports, logs and installed dependencies are forgotten")
    return 0


async def bring_down(paths: ProjectPaths) -> bool:
    """Whether anything ran. First politely through the supervisor, then by the shim, then by looking for leftovers."""
    ran = shim_lives(paths)
    if ran:
        await _politely(paths)
    if shim_lives(paths):
        await asyncio.to_thread(end_shim, paths, 3.0)
    ran = bool(sweep(paths)) or ran
    _remove_sockets(paths)
    return ran


def kill_at_once(paths: ProjectPaths) -> None:
    """Without any grace."""
    end_shim(paths, 0.0)
    sweep(paths)
    _remove_sockets(paths)


async def _politely(paths: ProjectPaths) -> None:
    try:
        async with Client(paths.api_socket) as control:
            await control.down()
    except SandboxError:
        return  # a supervisor that can't answer is passed over
    deadline = time.monotonic() + _PATIENCE
    while shim_lives(paths) and time.monotonic() < deadline:
        await asyncio.sleep(_POLL)


def _remove_sockets(paths: ProjectPaths) -> None:
    shutil.rmtree(paths.run, ignore_errors=True)
