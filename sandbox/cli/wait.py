"""`sandbox wait`: return when services are as wished; otherwise name the guilty one and what it said last."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence

from sandbox.cli.buildnews import is_of_build
from sandbox.cli.ending import has_ended
from sandbox.cli.project import talk
from sandbox.cli.style import strip_colours
from sandbox.control import Control, LogQuery, ProjectStatus, ServiceStatus, Status
from sandbox.errors import NotFoundError, SandboxError

_POLL = 0.04  # seconds between two looks, each a fraction of a millisecond for the supervisor
_LAST_LINES = 10
_ENOUGH_RESTARTS = 3
_IF_IT_IS_A_JOB = 'if it is meant to end, say `restart: "no"`; '

Goal = Callable[[ServiceStatus], bool]


def is_healthy(service: ServiceStatus) -> bool:
    return service.status is Status.HEALTHY and service.ready >= service.replicas


def is_stopped(service: ServiceStatus) -> bool:
    return service.status is Status.STOPPED


def run(options: Namespace) -> int:
    goal = is_healthy if options.goal == "healthy" else is_stopped

    async def conversation(control: Control) -> int:
        await wait_for(control, goal, options.services, options.timeout)
        return 0

    return talk(options, conversation)


async def wait_for(
    control: Control,
    goal: Goal,
    services: Sequence[str] = (),
    timeout: float = 120.0,
    on_status: Callable[[ProjectStatus], None] = lambda status: None,
    should_go_on: Callable[[ServiceStatus], bool] = lambda service: False,
) -> None:
    """Return once every chosen service meets `goal`; without `services`, every one that was not stopped on purpose.

    on_status is told every status seen. should_go_on: whether a service that ended well should not have ended at all.
    Raises SandboxError naming the first guilty service, with its last log lines, when one has failed for good, keeps
    ending, ended too soon, or `timeout` seconds have passed; NotFoundError for an unknown service.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        status = await control.status()
        on_status(status)
        if ended := [service for service in status.services if has_ended(service) and should_go_on(service)]:
            raise await blame(control, ended[0], "is not running", _IF_IT_IS_A_JOB)
        left = list(_left(_chosen(status, services, goal), goal))
        if not left:
            return
        if failed := [service for service in left if service.status is Status.FAILED]:
            raise await blame(control, failed[0], "failed")
        if crashing := [service for service in left if keeps_ending(service)]:
            raise await blame(control, crashing[0], "keeps ending")
        if asyncio.get_running_loop().time() >= deadline:
            guilty = _guiltiest(left)
            raise await blame(control, guilty, f"still {guilty.status} after {timeout:g} s")
        await asyncio.sleep(_POLL)


def keeps_ending(service: ServiceStatus) -> bool:
    """It is started again ever more slowly; waiting longer does not help."""
    return any(
        instance.status is Status.BACKOFF and instance.restarts >= _ENOUGH_RESTARTS for instance in service.instances
    )


def _chosen(status: ProjectStatus, names: Sequence[str], goal: Goal) -> Iterator[ServiceStatus]:
    known = {service.name: service for service in status.services}
    for name in names:
        if name not in known:
            raise NotFoundError(f"there is no service {name!r}", hint=f"services: {', '.join(known)}")
        yield known[name]
    if not names:
        yield from (service for service in known.values() if goal is is_stopped or service.status is not Status.STOPPED)


def _left(services: Iterator[ServiceStatus], goal: Goal) -> Iterator[ServiceStatus]:
    return (service for service in services if not goal(service))


_MOST_GUILTY_FIRST = (Status.BACKOFF, Status.UNHEALTHY, Status.BUILDING, Status.STARTING)


def _guiltiest(services: Sequence[ServiceStatus]) -> ServiceStatus:
    """The cause rather than one that only waits for it."""
    for status in _MOST_GUILTY_FIRST:
        for service in services:
            if service.status is status:
                return service
    return services[0]


async def blame(control: Control, service: ServiceStatus, what: str, advice: str = "") -> SandboxError:
    """The error that names a service, what is wrong and why, and its last log lines. advice: goes before its hint."""
    reason = f": {service.reason}" if service.reason else ""
    lines = [line async for line in control.logs(LogQuery(services=(service.name,), tail=_LAST_LINES))]
    own = [line for line in lines if not is_of_build(line)] or lines  # a build is to blame only where nothing ran
    said = "".join(f"\n  | {strip_colours(line.text)}" for line in own)
    return SandboxError(f"{what}{reason}{said}", place=service.name, hint=f"{advice}see `sandbox why {service.name}`")
