"""Keeps Envoy running and serving what the cluster says: one writer, the newest wish wins."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sandbox.control import ProxyStatus, Status
from sandbox.errors import SandboxError
from sandbox.events import Bus, Event, Kind, Severity
from sandbox.proxy.topology import Endpoints, Topology
from sandbox.supervisor.state import SETTLED_AFTER, backoff
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

ENVOY = "envoy"
"""The id under which the shim runs it."""

CONNECTS_WITHIN = 15.0
"""Seconds an Envoy may take from its start to its first request to the control plane."""

TOGETHER = 0.001
"""Seconds in which changes that belong together come: what is ready takes the place of what leaves."""


class ControlPlane(Protocol):
    """What is used of `proxy.control_plane`."""

    @property
    def rejected(self) -> tuple[str, ...]: ...

    async def apply(self, topology: Topology, endpoints: Endpoints) -> None: ...

    async def wait_connected(self, timeout: float) -> None: ...


@dataclass(frozen=True, slots=True)
class EnvoyProcess:
    pid: int | None  # None: it had ended before anybody could look, as its exit tells then
    started_at: float


class EnvoyHost(Protocol):
    """Starts and stops the Envoy process."""

    version: str

    async def start(self) -> EnvoyProcess: ...

    async def stop(self) -> None: ...


class ProxyKeeper:
    """Owns the proxy's life. `publish` never blocks; `served` resolves once all published so far is in force."""

    def __init__(self, host: EnvoyHost, plane: ControlPlane, bus: Bus, on_change: Callable[[], None]) -> None:
        self._host = host
        self._plane = plane
        self._bus = bus
        self._on_change = on_change
        self._tasks = Tasks(self._task_failed)
        self._process: EnvoyProcess | None = None
        self._early: tuple[int | None, str] | None = None  # the end of one we may hear of in a moment
        self._status = Status.PENDING
        self._reason: str | None = "has not been started yet"
        self._topology: Topology | None = None
        self._endpoints: Endpoints = {}
        self._published = 0
        self._applied = 0
        self._first: float = 0  # of what was published, the first that can be in force
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()
        self._streak = 0
        self._connected = False
        self._refusal: SandboxError | None = None

    def open(self, running: EnvoyProcess | None) -> None:
        """Begin: take over an Envoy that runs, or start one."""
        self._tasks.spawn(self._write(), name="write to the proxy")
        if running is not None:  # it serves what an earlier supervisor said until it has asked us
            self._first = math.inf
            self._has(running)
        if self._process is running:  # else it has ended by now, and another is on its way
            self._tasks.spawn(self._bring_up(0.0, adopted=running is not None), name="start the proxy")

    async def close(self) -> None:
        """Let go of Envoy; it keeps serving what it has."""
        await self._tasks.close()

    async def stop(self) -> None:
        await self.close()
        self._process = None  # its end is no accident
        self._set(Status.STOPPED, None)
        await self._host.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def status(self) -> ProxyStatus:
        return ProxyStatus(
            status=self._status,
            reason=self._reason,
            pid=self.pid,
            version=self._host.version or None,
            rejected=self._plane.rejected,
        )

    def publish(self, *, topology: Topology | None = None, endpoints: Endpoints | None = None) -> None:
        """Replace what should be served."""
        self._topology = topology if topology is not None else self._topology
        self._endpoints = endpoints if endpoints is not None else self._endpoints
        self._published += 1
        self._wake.set()

    async def served(self, patience: float = 2.0) -> None:
        """Wait until what was published before this call is in force, `patience` seconds at most: an ailing proxy
        must not keep an instance from being stopped."""
        await self.settled(patience)

    async def settled(self, patience: float) -> bool:
        """The same; whether it is in force, or refused, by then."""
        number = self._published
        with suppress(TimeoutError):
            async with asyncio.timeout(patience), self._progress:
                await self._progress.wait_for(lambda: self._applied >= max(number, self._first))
                return True
        return False

    async def confirmed(self, patience: float) -> bool:
        """Whether an Envoy has taken, or refused, all published so far by then. At once when there is none to ask."""
        number = self._published
        with suppress(TimeoutError):
            async with asyncio.timeout(patience), self._progress:
                await self._progress.wait_for(lambda: self._is_confirmed(number) or self._status is Status.FAILED)
        return self._is_confirmed(number)

    def _is_confirmed(self, number: int) -> bool:
        return self._connected and self._applied >= max(number, self._first)

    @property
    def refusal(self) -> SandboxError | None:
        """What Envoy had against the newest topology, which it then does not serve; None when it does."""
        return self._refusal

    def exited(self, pid: int | None, why: str) -> None:
        """The Envoy process ended unasked: start another, which asks the control plane for everything anew."""
        if self._process is None:
            self._early = pid, why
            return
        if pid != self._process.pid:
            return
        short = time.time() - self._process.started_at < SETTLED_AFTER
        self._streak = self._streak + 1 if short else 0
        delay = backoff(self._streak - 1) if self._streak else 0.0
        self._process = None
        self._connected = False
        self._set(Status.BACKOFF, f"ended: {why}; next start in {delay:g} s")
        self._say(Kind.PROXY_EXITED, f"Envoy {self._reason}", Severity.ERROR)
        self._tasks.spawn(self._bring_up(delay, adopted=False), name="restart the proxy")

    def _has(self, process: EnvoyProcess) -> None:
        """It runs, unless its end was heard before."""
        self._process = process
        early, self._early = self._early, None
        if early is not None:
            self.exited(*early)

    async def _bring_up(self, delay: float, *, adopted: bool) -> None:
        await asyncio.sleep(delay)
        process = self._process
        try:
            if not adopted:
                if self._status is not Status.FAILED:
                    self._set(Status.STARTING, "starts")
                process = await self._host.start()
                self._has(process)
            await self._plane.wait_connected(CONNECTS_WITHIN)
        except (SandboxError, OSError) as error:
            if isinstance(error, TimeoutError) and process is not self._process:
                return
            if isinstance(error, TimeoutError):
                self._set(Status.UNHEALTHY, f"did not ask for its configuration within {CONNECTS_WITHIN:g} s")
                self._say(Kind.NOTICE, f"Envoy {self._reason}", Severity.ERROR)
                self._tasks.spawn(self._bring_up(0.0, adopted=True), name="wait for the proxy")
                return
            self._failed(error)
            await self._moved_on()
            return
        if process is not self._process:  # it has ended, and another one that was started since has connected
            return
        self.publish()
        self._first = min(self._first, self._published)
        await self.served()
        self._connected = True
        await self._moved_on()
        self._judge()
        self._say(Kind.PROXY_STARTED, f"Envoy {self._host.version} serves" + (" (it never stopped)" if adopted else ""))

    def _failed(self, error: SandboxError | OSError) -> None:
        """Say it, and try again ever more slowly: a full disk or process table may have room later."""
        hint = f"; {error.hint}" if isinstance(error, SandboxError) and error.hint else ""
        if self._reason != f"{error}{hint}":
            self._say(Kind.NOTICE, f"Envoy could not be started: {error}{hint}", Severity.ERROR)
        self._set(Status.FAILED, f"{error}{hint}")
        self._streak += 1
        self._tasks.spawn(self._bring_up(backoff(self._streak), adopted=False), name="start the proxy again")

    def _task_failed(self, name: str, error: BaseException) -> None:
        self._say(Kind.NOTICE, f"internal error in '{name}': {error}", Severity.ERROR)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(TOGETHER)
            self._wake.clear()
            number, topology = self._published, self._topology
            if topology is None:
                continue
            try:
                await self._apply(topology, self._endpoints)
            except Exception as error:  # the next change must still find a writer
                log.exception("could not configure the proxy")
                self._task_failed("configure the proxy", error)
            self._applied = number
            await self._moved_on()

    async def _moved_on(self) -> None:
        async with self._progress:
            self._progress.notify_all()

    async def _apply(self, topology: Topology, endpoints: Endpoints) -> None:
        try:
            await self._plane.apply(topology, endpoints)
        except SandboxError as error:
            known, self._refusal = self._refusal, error
            if known is None or str(known) != str(error):
                message = f"Envoy keeps the last good configuration, for it refused a change: {error}"
                self._say(Kind.PROXY_REFUSED, message, Severity.ERROR)
        else:
            self._refusal = None
        self._judge()

    def _judge(self) -> None:
        """Connected is not enough: what Envoy refused it does not serve."""
        if self._connected:
            ill = self._refusal is not None
            self._set(
                Status.UNHEALTHY if ill else Status.HEALTHY, f"refused a change: {self._refusal}" if ill else None
            )

    def _set(self, status: Status, reason: str | None) -> None:
        self._status, self._reason = status, reason
        self._on_change()

    def _say(self, kind: Kind, message: str, severity: Severity = Severity.INFO) -> None:
        self._bus.publish(Event(kind=kind, message=message, severity=severity))
