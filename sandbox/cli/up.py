"""`sandbox up`: read the configuration, have a supervisor, wait until all is well, show it.

The reading path: `run` → `_start_supervisor` → `runtime.launch` → `daemon.serve` → `supervisor.cluster`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from sandbox.api.client import Client
from sandbox.cli import progress
from sandbox.cli.again import up_again, which
from sandbox.cli.down import bring_down, kill
from sandbox.cli.ending import jobs, should_go_on
from sandbox.cli.project import known_projects
from sandbox.cli.wait import is_healthy, wait_for
from sandbox.config.locate import find_project_file, resolve_app
from sandbox.config.profiles import absolute
from sandbox.config.recall import Read, recall_or_load
from sandbox.control import Status, UpRequest
from sandbox.daemon.handover import hand_over
from sandbox.daemon.launch import launch_daemon
from sandbox.daemon.request import is_text, save_request
from sandbox.errors import ExitCode, NotRunningError, ProxyError, UsageError
from sandbox.model import Project
from sandbox.paths import ProjectPaths, project_id, sandbox_home
from sandbox.runtime.choice import VARIABLE, choose
from sandbox.tasks import Tasks

T = TypeVar("T")

_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be brought up."""

    read: Read
    request: UpRequest
    paths: ProjectPaths
    again: str  # the command that shows it again
    which: str  # what other commands need to find it from here

    @property
    def project(self) -> Project:
        return self.read.project


def run(options: Namespace) -> int:
    """Exit code 0 once every service is healthy (with the screen: once it was left)."""
    plan = _plan(options)
    interactive = sys.stdout.isatty() and sys.stdin.isatty()
    show_tui = interactive and not options.detach and not options.no_tui
    started_here, code = asyncio.run(_until_healthy(plan, options.timeout, stay=not options.detach and not show_tui))
    if code or not show_tui:
        return code
    return _screen(plan, started_here)


def _plan(options: Namespace) -> Plan:
    """ConfigError or UsageError when it can't be brought up at all; nothing is started before this is known."""
    files = _files(options)
    read = recall_or_load(
        sandbox_home() / "cache" / "config",
        files,
        profiles=options.profiles,
        environment=os.environ,
        project=options.project,
    )
    project = read.project
    runtime = options.runtime or os.environ.get(VARIABLE) or None
    asyncio.run(choose(runtime or project.settings.runtime, os.environ))
    request = UpRequest(
        files=tuple(str(file.absolute()) for file in files),
        profiles=tuple(map(absolute, options.profiles)),
        runtime=runtime,
        project=options.project,
        watch=not options.no_watch,
        environment={name: value for name, value in os.environ.items() if is_text(name + value)},
    )
    paths = ProjectPaths(home=sandbox_home(), id=project_id(project.name, project.root))
    others_run = any(other.running and other.paths.id != paths.id for other in known_projects(paths.home))
    needed = which(project, Path.cwd(), others_run=others_run)
    return Plan(read, request, paths, again=up_again(options), which=needed)


def _files(options: Namespace) -> list[Path]:
    if options.files:
        if options.path:
            raise UsageError("takes either a PATH or -f FILE, not both", place="up", hint="leave one of them out")
        return [Path(file) for file in options.files]
    place = resolve_app(options.path) if options.path else Path.cwd()
    if place.is_file():
        return [place]
    if (found := find_project_file(place)) is not None:
        return [found]
    raise UsageError(
        "there is no sandbox.yaml or compose.yaml here or in a folder above",
        place=str(place),
        hint="write one with `sandbox init`, or try a sample: sandbox up bakery",
    )


# --- getting there ------------------------------------------------------------------------------------------------


async def _until_healthy(plan: Plan, timeout: float, *, stay: bool) -> tuple[bool, int]:
    """Whether the supervisor was started by this command, and the exit code."""
    interrupt = Interrupt()
    interrupt.listen()
    started_here = False

    async def bring_up() -> int:
        nonlocal started_here
        declared_jobs, began = jobs(plan.project), time.time()
        report = progress.Reporter(sys.stdout, plan.project.name, declared_jobs)
        if not await _supervisor_took(plan):
            started_here = True  # an interrupt from here on ends what is being started
            started_here = await _start_supervisor(plan)
        async with Client(plan.paths.api_socket) as control:
            report.begin(await control.status(), started_here)
            async with _listening(report, control, began):
                await wait_for(control, is_healthy, (), timeout, report.see, partial(should_go_on, declared_jobs))
            await _until_proxy_serves(control, timeout)
            progress.print_summary(sys.stdout, await control.status(), await control.login_link(), plan.which)
            if stay:
                await progress.follow(control, sys.stdout)
        return ExitCode.OK

    code = await interrupt.run(bring_up, lambda: _give_up(plan, interrupt, started_here, stay))
    return started_here, code


@asynccontextmanager
async def _listening(report: progress.Reporter, control: Client, since: float) -> AsyncIterator[None]:
    """What builds print is heard, and is no longer on the screen when this is left."""
    tasks = Tasks()
    tasks.spawn(report.builds.listen(control, since), name="listen to builds")
    try:
        yield
    finally:
        report.end()
        await tasks.close()


async def _supervisor_took(plan: Plan) -> bool:
    """Whether a supervisor runs and took the request."""
    async with Client(plan.paths.api_socket) as control:
        with suppress(NotRunningError):
            await control.apply(plan.request)
            return True
    return False


async def _start_supervisor(plan: Plan) -> bool:
    """Whether this command started it; when another was quicker, that one is given the request."""
    plan.paths.create()
    save_request(plan.paths, plan.request)
    hand_over(plan.paths, plan.read)
    started = await launch_daemon(plan.paths)
    if not started:
        await _supervisor_took(plan)
    return started


async def _until_proxy_serves(control: Client, timeout: float) -> None:
    deadline = asyncio.get_running_loop().time() + timeout
    while (proxy := (await control.status()).proxy).status is not Status.HEALTHY:
        if proxy.status is Status.FAILED or asyncio.get_running_loop().time() >= deadline:
            raise ProxyError(proxy.reason or "does not serve", place="Envoy", hint="see: sandbox doctor")
        await asyncio.sleep(_POLL)


async def _give_up(plan: Plan, interrupt: Interrupt, started_here: bool, stay: bool) -> int:
    """Ctrl-C: what this command started goes; what ran before stays."""
    if not started_here and not stay:
        print(f"\ninterrupted; {plan.project.name} keeps running as it was", file=sys.stderr)
        return ExitCode.INTERRUPTED
    print(f"\nstopping {plan.project.name} (Ctrl-C again to kill it at once)", file=sys.stderr)
    if await first_of(bring_down(plan.paths), interrupt.again) is not None:
        print(f"{plan.project.name} is stopped; nothing is left running", file=sys.stderr)
    else:
        await asyncio.to_thread(kill, plan.paths)
        print(f"{plan.project.name} was killed; nothing is left running", file=sys.stderr)
    return ExitCode.INTERRUPTED


class Interrupt:
    """Ctrl-C, and Ctrl-C again."""

    def __init__(self) -> None:
        self.once = asyncio.Event()
        self.again = asyncio.Event()

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._hear)

    def _hear(self) -> None:
        (self.again if self.once.is_set() else self.once).set()

    async def run(self, work: Callable[[], Awaitable[int]], interrupted: Callable[[], Awaitable[int]]) -> int:
        """The result of `work`, or of `interrupted` when Ctrl-C comes first."""
        code = await first_of(work(), self.once)
        return await interrupted() if code is None else code


async def first_of(work: Awaitable[T], stop: asyncio.Event) -> T | None:
    """The result of `work`; None when `stop` is set first, and `work` is then cancelled."""
    tasks = Tasks()

    async def outcome() -> T | BaseException:
        """Its failure is raised by the caller, not reported as that of a background task."""
        return (await asyncio.gather(work, return_exceptions=True))[0]

    try:
        task = tasks.spawn(outcome(), name="work")
        await asyncio.wait([task, tasks.spawn(stop.wait(), name="stop")], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return None
        result = await task
    finally:
        await tasks.close()
    if isinstance(result, BaseException):
        raise result
    return result


# --- the screen ---------------------------------------------------------------------------------------------------


def _screen(plan: Plan, started_here: bool) -> int:
    from sandbox.cli.cockpit import show
    from sandbox.tui.app import TuiResult

    result = asyncio.run(_with_client(plan.paths, show))
    if result is TuiResult.DOWN:
        asyncio.run(bring_down(plan.paths))
        print(f"{plan.project.name} is stopped; nothing is left running")
    elif result is TuiResult.ENDED:
        print(f"{plan.project.name} was stopped meanwhile. Start it again: {plan.again}")
    else:
        print(f"{plan.project.name} keeps running. Look again: {plan.again} · stop it: sandbox down{plan.which}")
    return ExitCode.OK


async def _with_client(paths: ProjectPaths, use: Callable[[Client], Awaitable[T]]) -> T:
    async with Client(paths.api_socket) as control:
        return await use(control)
