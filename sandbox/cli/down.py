"""`sandbox down`: stop everything of a project, and make sure that nothing is left."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from argparse import Namespace
from contextlib import suppress

from sandbox.api.client import Client
from sandbox.cli.project import KnownProject, find_project, known_projects
from sandbox.errors import NotRunningError, SandboxError
from sandbox.files import remove_unfinished
from sandbox.paths import ProjectPaths, sandbox_home
from sandbox.runtime.client import answers, shut_down
from sandbox.runtime.sweep import sweep

_PATIENCE = 20.0
"""Seconds for the supervisor to bring all down; services have 10 of them unless `stop_grace_period` says otherwise."""

_AFTER_GRACE = 10.0
"""Seconds in which all else ends once the last service was killed."""

_FIRM_GRACE = 3.0
_POLL = 0.02


def run(options: Namespace) -> int:
    project = _project(options)
    was_running = asyncio.run(bring_down(project.paths))
    if options.purge:
        purge(project.paths)
    name = project.paths.id
    print(f"{name} is stopped; nothing is left running" if was_running else f"{name} was not running")
    if options.purge:
        print("all that was kept of it is forgotten")
    return 0


def _project(options: Namespace) -> KnownProject:
    """NotRunningError; with --purge it names those that are stopped, of which there is still something to forget."""
    try:
        return find_project(options)
    except NotRunningError as error:
        stopped = [one.paths.id for one in known_projects(sandbox_home()) if not one.running] if options.purge else []
        if not stopped:
            raise
        hint = f"stopped: {', '.join(stopped)}; forget one with: sandbox down --purge --project {stopped[0]}"
        raise NotRunningError(error.message, place=error.place, hint=hint) from None


async def bring_down(paths: ProjectPaths) -> bool:
    """Whether anything ran. First politely through the supervisor, then by the shim, then by looking for leftovers."""
    ran = answers(paths.shim_socket)
    if ran:
        await _politely(paths)
    return await asyncio.to_thread(kill, paths, _FIRM_GRACE) or ran


def kill(paths: ProjectPaths, grace: float = 0.0) -> bool:
    """Without asking the supervisor. Whether anything was left to end. RuntimeFailure when containers are left and no
    engine answers."""
    ended = False
    with suppress(NotRunningError):
        shut_down(paths.shim_socket, grace)
        ended = True
    ended = _end_processes(paths) or ended
    if paths.docker.is_dir():
        from sandbox.runtime.docker.sweep import sweep_containers

        ended = bool(sweep_containers(paths, os.environ)) or ended
    return ended


def purge(paths: ProjectPaths) -> None:
    """Forget the project: its state here, and its volumes and images in the engine, where one answers."""
    from sandbox.runtime.docker.sweep import forget

    forget(paths.id, os.environ)
    shutil.rmtree(paths.state, ignore_errors=True)


def _end_processes(paths: ProjectPaths) -> bool:
    ended = False
    if paths.state.is_dir():
        ended = bool(sweep(paths))
        for folder in (paths.state, paths.envoy):
            remove_unfinished(folder)
    for folder in (paths.run, paths.building):
        shutil.rmtree(folder, ignore_errors=True)
    return ended


async def _politely(paths: ProjectPaths) -> None:
    try:
        async with Client(paths.api_socket) as control:
            await control.down()
    except SandboxError:
        return  # a supervisor that can't answer is passed over
    await asyncio.to_thread(_wait_until_gone, paths)


def _wait_until_gone(paths: ProjectPaths) -> None:
    began = time.monotonic()
    if not _gone(paths, began + _PATIENCE):
        _gone(paths, began + _longest_grace(paths) + _AFTER_GRACE)


def _gone(paths: ProjectPaths, deadline: float) -> bool:
    while paths.shim_socket.exists() and time.monotonic() < deadline:
        time.sleep(_POLL)
    return not paths.shim_socket.exists()


def _longest_grace(paths: ProjectPaths) -> float:
    """Seconds that the project in force gives a service to end."""
    from sandbox.daemon.request import last_good  # slow to import, and seldom needed

    project = last_good(paths)
    versions = [version for service in project.services.values() for version in service.versions] if project else []
    return max((version.stop_grace_period for version in versions), default=0.0)
