"""The background traffic: about one request a second to public services, as long as it is wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import count

import msgspec

from sandbox.control import LoadControl, ProjectStatus, ServiceStatus, Trickle, TrickleWish
from sandbox.daemon.late import imported
from sandbox.errors import NotFoundError, UsageError
from sandbox.events import Bus, Event, Kind
from sandbox.files import write_atomic
from sandbox.load.destination import from_outside, service_named
from sandbox.load.plan import Plan, check_method
from sandbox.model import HttpProbe, Project
from sandbox.paths import ProjectPaths
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

PER_SECOND = 1.0
_TIMEOUT = 5.0
_OFF = TrickleWish(on=False)


class Trickling(LoadControl):
    """One request at a time, so it can't pile up on a platform that is slow."""

    def __init__(
        self,
        paths: ProjectPaths,
        bus: Bus,
        tasks: Tasks,
        status: Callable[[], ProjectStatus],
        project: Callable[[], Project],
    ) -> None:
        self._path = paths.trickle
        self._bus = bus
        self._tasks = tasks
        self._status = status
        self._project = project
        self._wish = _OFF
        self._running: asyncio.Task[None] | None = None
        self._sent = self._failed = 0

    def open(self) -> None:
        """Go on as the supervisor before did."""
        try:
            self._wish = msgspec.json.decode(self._path.read_bytes(), type=TrickleWish)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s can't be read: %s", self._path, error)
            return
        self._follow()

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)

    async def trickle(self, wish: TrickleWish | None = None) -> Trickle:
        if wish is not None:
            self._check(wish)
            changed = wish.on != self._wish.on
            self._wish = wish
            self._keep()
            self._follow()
            if changed:
                word = "on" if wish.on else "off"
                self._bus.publish(Event(kind=Kind.LOAD_CHANGED, message=f"the background traffic is switched {word}"))
        return self._now()

    def _now(self) -> Trickle:
        targets = tuple(f"{plan.method} http://{plan.destination.host}{plan.path}" for plan in self._plans())
        return Trickle(on=self._wish.on, per_second=PER_SECOND, targets=targets, sent=self._sent, failed=self._failed)

    def _check(self, wish: TrickleWish) -> None:
        check_method(wish.method)
        if wish.path is not None and not wish.path.startswith("/"):
            raise UsageError(f"{wish.path!r} is no path", hint="begin it with /, such as /healthz")
        if wish.service is not None:
            service = service_named(self._status(), wish.service)
            if not service.url:
                raise NotFoundError(
                    "is not public", place=wish.service, hint="the background traffic comes from outside"
                )

    def _keep(self) -> None:
        try:
            write_atomic(self._path, msgspec.json.encode(self._wish))
        except OSError as error:
            log.warning("a new supervisor will not know of the background traffic: %s", error)

    def _follow(self) -> None:
        if self._running is not None:
            self._running.cancel()
            self._running = None
        self._sent = self._failed = 0
        if self._wish.on:
            self._running = self._tasks.spawn(self._run(), name="background traffic")

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        aiohttp, asking = await imported("aiohttp"), await imported("sandbox.load.run")
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT)) as session:
            for turn in count():
                if plans := self._plans():
                    outcome = await asking.ask(session, plans[turn % len(plans)])
                    self._sent += 1
                    self._failed += outcome.failed
                await asyncio.sleep(1 / PER_SECOND)

    def _plans(self) -> list[Plan]:
        """In the order of the file. Those that are public now: that may change while it runs."""
        status = self._status()
        wanted = (self._wish.service,) if self._wish.service else [one.name for one in status.services]
        return [plan for one in status.services if one.name in wanted and (plan := self._plan(status, one))]

    def _plan(self, status: ProjectStatus, service: ServiceStatus) -> Plan | None:
        destination = from_outside(status, service) if service.url else None
        if destination is None:
            return None
        path = self._wish.path or self._health_path(service.name)
        return Plan(
            destination=destination, service=service.name, path=path, method=self._wish.method, timeout=_TIMEOUT
        )

    def _health_path(self, name: str) -> str:
        service = self._project().services.get(name)
        probe = service.versions[0].healthcheck.probe if service is not None else None
        return probe.path if isinstance(probe, HttpProbe) else "/"
