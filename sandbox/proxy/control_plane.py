"""Brings Envoy from what it serves to what it should serve, one accepted step after the other."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.errors import ProxyError
from sandbox.proxy.ads import AdsServer
from sandbox.proxy.bearer import Guarded
from sandbox.proxy.names import RUNTIME
from sandbox.proxy.refusals import located
from sandbox.proxy.reports import Reports as Reports
from sandbox.proxy.resource import Kind
from sandbox.proxy.resources import Builder
from sandbox.proxy.snapshot import EMPTY, Snapshot, Step, steps
from sandbox.proxy.subscription import Aim, Rejection, Session
from sandbox.proxy.topology import Address, Endpoints, Topology
from sandbox.proxy.tracing import SLOW_MS, UNTRACED, runtime

log = logging.getLogger(__name__)

ACCEPTS_WITHIN = 15.0
"""Seconds Envoy may take to accept one step."""

_CANNOT_BIND = re.compile(r"cannot bind '([^']+):(\d+)'")


class AddressTakenError(ProxyError):
    """Envoy could not listen on some addresses because something else does."""

    code = "address_taken"

    def __init__(self, message: str, addresses: tuple[Address, ...]) -> None:
        places = ", ".join(str(address) for address in addresses)
        super().__init__(message, place=places, hint="free the port, or give this listener another")
        self.addresses = addresses


class ControlPlane:
    """One Envoy's source of configuration, served on a Unix socket, or by TCP to who has the token.

    A client that was connected to an earlier control plane of the same content is sent nothing at all, and nothing
    is taken from it before the first `apply`.
    """

    def __init__(
        self, where: Path | Guarded, *, accepts_within: float = ACCEPTS_WITHIN, reports: Reports | None = None
    ) -> None:
        self._server = AdsServer(where, self, reports or Reports())
        self._accepts_within = accepts_within
        self._builder = Builder()
        self._writer = asyncio.Lock()
        self._session: Session | None = None
        self._outgoing = asyncio.Event()
        self._waiters: set[asyncio.Future[None]] = set()
        self._aims: dict[Kind, Aim] = {Kind.RUNTIME: Aim({RUNTIME: runtime(UNTRACED, SLOW_MS)})}
        self._served = EMPTY
        self._left: list[Step] = []  # of what is served, from the one that waits for its answer
        self._good: Topology | None = None  # the newest that was not refused
        self._confirmed: Topology | None = None  # the newest that an Envoy has taken
        self._refused: Topology | None = None
        self._refusal: ProxyError | None = None

    async def start(self) -> None:
        """Listen. Raises OSError or RuntimeError when the socket can't be made or the port is taken."""
        await self._server.start()

    async def close(self) -> None:
        """Stop listening; Envoy keeps serving what it has."""
        await self._server.close()

    def sample(self, shares: Mapping[str, float], slow_ms: int) -> None:
        """Which share of requests is traced and told of, by runtime key. In force a moment later."""
        aim = Aim({RUNTIME: runtime(shares, slow_ms)})
        self._aims[Kind.RUNTIME] = aim
        if self._session is not None:
            self._session[Kind.RUNTIME].aim(aim)
            self._outgoing.set()

    @property
    def address(self) -> Address | None:
        """Where it listens for TCP, once it does; port 0 has become a real one."""
        return self._server.address

    @property
    def connected(self) -> bool:
        return self._session is not None

    @property
    def rejected(self) -> tuple[str, ...]:
        """What Envoy refused and still has not accepted, in its own words."""
        standing = [_words(one) for one in self._session.rejections] if self._session else []
        refused = [self._refusal.message] if self._refusal else []
        return tuple(dict.fromkeys([*refused, *standing]))

    async def wait_connected(self, timeout: float) -> None:
        """Raises TimeoutError when no Envoy has connected within `timeout` seconds."""
        async with asyncio.timeout(timeout):
            await self._until(lambda: self.connected)

    async def apply(self, topology: Topology, endpoints: Endpoints) -> None:
        """Serve this. Returns when Envoy has accepted it, or at once when none is connected: the next to connect gets
        it, and what that one refuses is in `rejected`.

        Raises ProxyError when the topology contradicts itself or Envoy refuses it (AddressTakenError when only because
        of a port). The last good topology then goes on being served, with these endpoints; it stays refused, without
        being tried again, until another is given. A port is tried again each time.
        """
        async with self._writer:
            if self._refusal is not None and self._refused == topology:
                await self._serve_last_good(topology, endpoints)
                raise self._refusal
            try:
                await self._move(self._builder.build(topology, endpoints))
            except _Refusal as refusal:
                error = self._explained(refusal.error, topology)
                await self._fall_back(topology, endpoints, error)
                raise error from None
            self._good, self._refused, self._refusal = topology, None, None
            if self._session is not None:
                self._confirmed = topology

    # --- steps

    def _explained(self, error: ProxyError, topology: Topology) -> ProxyError:
        return error if isinstance(error, AddressTakenError) else located(error, self._confirmed, topology)

    async def _fall_back(self, topology: Topology, endpoints: Endpoints, error: ProxyError) -> None:
        self._refusal = error
        self._refused = None if isinstance(error, AddressTakenError) else topology
        await self._serve_last_good(topology, endpoints)

    async def _serve_last_good(self, refused: Topology, endpoints: Endpoints) -> None:
        """Where nothing better is known, Envoy serves what it has taken of the refused one."""
        good = self._confirmed or self._good
        try:
            await self._move(self._builder.build(good, endpoints) if good is not None else EMPTY)
        except _Refusal as refusal:
            if good != refused:
                log.error("Envoy refused the way back to the last good configuration: %s", refusal.error.message)

    async def _move(self, snapshot: Snapshot) -> None:
        before, self._served = self._served, snapshot
        if self._session is not None:
            self._session.retry()
        self._left = list(steps(before, snapshot))
        while self._left:
            self._take(self._left[0])
            await self._accepted(self._left[0])
            del self._left[0]

    def _go_on(self) -> None:
        """What was given up on may be answered in the end, as by an Envoy that was paused: then the rest follows."""
        while self._left and self._session is not None and self._takes(self._left[0], self._session):
            del self._left[0]
            if self._left:
                self._take(self._left[0])

    def _takes(self, step: Step, session: Session) -> bool:
        return not session.rejections and all(session[kind].settled for kind in step.aims)

    def _take(self, step: Step) -> None:
        self._aims.update(step.aims)
        if self._session is not None:
            for kind, aim in step.aims.items():
                self._session[kind].aim(aim)
            self._outgoing.set()

    async def _accepted(self, step: Step) -> None:
        """Wait until Envoy has answered. Without an Envoy there is nothing to wait for."""
        try:
            async with asyncio.timeout(self._accepts_within):
                await self._until(lambda: self._refuses(step) or all(self._settled(kind) for kind in step.aims))
        except TimeoutError:
            kinds = " and ".join(kind.name.lower() for kind in step.aims if not self._settled(kind))
            raise ProxyError(
                f"did not accept its new {kinds} within {self._accepts_within:g} s",
                place="Envoy",
                hint="its log says why",
            ) from None
        if self._session is not None and (rejections := self._session.rejections):
            raise _Refusal(_error(rejections))

    def _settled(self, kind: Kind) -> bool:
        return self._session is None or self._session[kind].settled

    def _refuses(self, step: Step) -> bool:
        return self._session is not None and any(self._session[kind].rejections for kind in step.aims)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    # --- ads.Sessions

    def opened(self, outgoing: asyncio.Event) -> Session:
        self._session, self._outgoing = Session(self._aims), outgoing
        self._wake()
        return self._session

    def heard(self, rejection: Rejection | None) -> None:
        if rejection is not None:
            log.warning("Envoy refused %s", _words(rejection))
        if not self._writer.locked():
            self._go_on()
        self._wake()

    def closed(self, session: Session) -> None:
        if session is self._session:
            self._session = None
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class _Refusal(Exception):
    def __init__(self, error: ProxyError) -> None:
        super().__init__(error.message)
        self.error = error


def _words(rejection: Rejection) -> str:
    return f"{rejection.kind.name.lower()}: {rejection.error}"


def _error(rejections: tuple[Rejection, ...]) -> ProxyError:
    words = "; ".join(_words(one) for one in rejections)
    taken = tuple(Address(host, int(port)) for host, port in _CANNOT_BIND.findall(words))
    return AddressTakenError(words, taken) if taken else ProxyError(words, place="Envoy")
