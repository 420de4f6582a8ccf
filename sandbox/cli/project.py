"""Which project a command is about, and the connection to its supervisor.

`--project NAME`, else `-f FILE`, else the nearest configuration upwards, else the only project that runs. No
configuration is read for this: a project's folder remembers the files it was started with.
"""

from __future__ import annotations

import json
import socket
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.cli.again import up_from
from sandbox.cli.target import existing
from sandbox.config.locate import find_project_file
from sandbox.control import Control
from sandbox.errors import NotFoundError, NotRunningError, UsageError
from sandbox.paths import ProjectPaths, project_id, sandbox_home

if TYPE_CHECKING:
    from sandbox.api.client import Client

_RETURNS_WITHIN = 10.0  # seconds; longer only when it can't be started at all


@dataclass(frozen=True, slots=True)
class KnownProject:
    """A project that was started here once."""

    paths: ProjectPaths
    files: tuple[Path, ...]  # that it was started with; empty when that is no longer known
    running: bool

    def is_called(self, name: str) -> bool:
        if name == self.paths.id:
            return True
        return bool(self.files) and project_id(name, self.files[0].parent) == self.paths.id

    def is_started_from(self, file: Path) -> bool:
        return bool(self.files) and self.files[0].resolve() == file.resolve()


def find_project(options: Namespace) -> KnownProject:
    """The project that the options and the current folder name. NotRunningError when there is none."""
    return choose(known_projects(sandbox_home()), name=options.project, file=first_of(options.files))


def first_of(files: Sequence[str]) -> Path | None:
    """The file that names a project; UsageError when it is not there."""
    return existing(files[0]) if files else None


def choose(projects: Sequence[KnownProject], *, name: str | None, file: Path | None) -> KnownProject:
    if name is not None:
        return _one(
            [project for project in projects if project.is_called(name)],
            NotFoundError(f"there is no project {name!r}", hint=_running_hint(projects)),
        )
    if file is not None or (file := find_project_file(Path.cwd())) is not None:
        return _one(
            [project for project in projects if project.is_started_from(file)],
            NotRunningError("is not running", place=str(file), hint=_start_hint(projects)),
        )
    return _one(
        [project for project in projects if project.running], NotRunningError("no project is running", hint=_UP)
    )


_UP = "start one with `sandbox up`, or a sample with `sandbox up bakery`"


def _one(found: Sequence[KnownProject], missing: NotFoundError | NotRunningError) -> KnownProject:
    """The only one, or the only one that runs."""
    if not found:
        raise missing
    running = [project for project in found if project.running]
    if len(running or found) > 1:
        names = ", ".join(project.paths.id for project in running or found)
        raise UsageError(f"several projects fit: {names}", hint="choose one with --project")
    return (running or found)[0]


def _running_hint(projects: Iterable[KnownProject]) -> str:
    running = [project.paths.id for project in projects if project.running]
    return f"running: {', '.join(running)}" if running else _UP


def _start_hint(projects: Iterable[KnownProject]) -> str:
    running = [project.paths.id for project in projects if project.running]
    others = f"; running elsewhere (--project): {', '.join(running)}" if running else ""
    return f"start it with `sandbox up`{others}"


def known_projects(home: Path) -> list[KnownProject]:
    """Every project with a folder in `home`, in the order of their names."""
    folders = sorted((home / "projects").glob("*/"))
    return [_known(ProjectPaths(home, folder.name)) for folder in folders]


def _known(paths: ProjectPaths) -> KnownProject:
    running = answers(paths.api_socket) or answers(paths.shim_socket)
    return KnownProject(paths, _remembered_files(paths), running)


def _remembered_files(paths: ProjectPaths) -> tuple[Path, ...]:
    try:
        files = json.loads(paths.request.read_bytes())["files"]
        return tuple(Path(file) for file in files)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def answers(address: Path) -> bool:
    """Whether something listens on the Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0.5)
        try:
            client.connect(str(address))
        except OSError:
            return False
    return True


def talk(options: Namespace, conversation: Callable[[Control], Awaitable[int]]) -> int:
    """Run `conversation` with the project's supervisor; its exit code. NotRunningError when there is none."""
    import asyncio

    async def session() -> int:
        async with connect(options) as control:
            return await conversation(control)

    return asyncio.run(session())


def connect(options: Namespace) -> Client:
    """The way to the project's supervisor. NotRunningError when there is none."""
    from sandbox.api.client import Client

    project = find_project(options)
    if not project.running:
        raise NotRunningError(
            "is not running", place=project.paths.id, hint=f"start it with `{up_from(project.files, Path.cwd())}`"
        )
    _wait_for_supervisor(project.paths)
    return Client(project.paths.api_socket)


def _wait_for_supervisor(paths: ProjectPaths) -> None:
    """A supervisor that died is started again by the shim, so a moment later it answers."""
    deadline = time.monotonic() + _RETURNS_WITHIN
    while not answers(paths.api_socket) and answers(paths.shim_socket) and time.monotonic() < deadline:
        time.sleep(0.05)
