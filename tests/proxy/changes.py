"""Policies under which every request is answered well, one after the other, and clients that watch it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle

from sandbox.model import (
    AuthorizationAction,
    AuthorizationRule,
    Balancing,
    ConnectionPool,
    Cors,
    Delay,
    Fault,
    HeaderMatch,
    HeaderModifier,
    LimitBy,
    LoadBalancer,
    Match,
    OutlierDetection,
    PathMatch,
    RateLimit,
    Retry,
    Rule,
    SessionPersistence,
    Timeouts,
    TrafficPolicy,
)
from sandbox.proxy.topology import Address
from tests.proxy.steered import split

_SOME = Match(headers=(HeaderMatch(name="x-user", value="anna"),))
_HERE = Match(path=PathMatch(value="/"))
_PLENTY = 1_000_000

POLICIES = (
    TrafficPolicy(),
    TrafficPolicy(rules=(Rule(backends=split(v1=90, v2=10)),)),
    TrafficPolicy(rules=(Rule(matches=(_SOME,), backends=split(v2=1)), Rule(backends=split(v1=1)))),
    TrafficPolicy(rules=(Rule(fault=Fault(delay=Delay(fixed=0.001, percentage=50))),)),
    TrafficPolicy(rate_limit=RateLimit(requests=_PLENTY, by=LimitBy.CALLER)),
    TrafficPolicy(rate_limit=RateLimit(requests=2 * _PLENTY, per=2), concurrency=1000),
    TrafficPolicy(rules=(Rule(retry=Retry(attempts=3, codes=(503,)), timeouts=Timeouts(request=5)),)),
    TrafficPolicy(concurrency=1000, rules=(Rule(backends=split(v1=1, v2=1)),)),
    TrafficPolicy(connection_pool=ConnectionPool(max_connections=100), outlier_detection=OutlierDetection()),
    TrafficPolicy(load_balancer=LoadBalancer(policy=Balancing.CONSISTENT_HASH, hash_header="x-user")),
    TrafficPolicy(session_persistence=SessionPersistence(cookie="sid")),
    TrafficPolicy(rules=(Rule(cors=Cors(allow_origins=("*",)), response_headers=HeaderModifier(set={"x-a": "b"})),)),
    TrafficPolicy(authorization=(AuthorizationRule(action=AuthorizationAction.DENY, methods=("DELETE",)),)),
    TrafficPolicy(rules=(Rule(matches=(_HERE,), rate_limit=RateLimit(requests=_PLENTY), backends=split(v2=1)),)),
)


def policies() -> Iterator[TrafficPolicy]:
    """Without an end; each differs from the one before."""
    return cycle(POLICIES)


class Watch:
    """Clients that never pause, and keep their connections: what they got, and how often a connection ended."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.lost = 0
        self.closing = 0

    async def run(self, address: Address, head: bytes) -> None:
        while True:
            reader, writer = await asyncio.open_connection(address.host, address.port)
            try:
                while True:
                    writer.write(head)
                    await self._answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.lost += 1
                self.answers[repr(error)] += 1
            finally:
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status, length = head.split(b" ", 2)[1].decode(), head.split(b"content-length: ")[1].split(b"\r\n")[0]
        body = await reader.readexactly(int(length))
        self.closing += b"connection: close" in head
        self.answers[status if status == "200" else f"{status} {body.decode()}"] += 1

    @property
    def failed(self) -> dict[str, int]:
        return {answer: count for answer, count in self.answers.items() if answer != "200"}


@asynccontextmanager
async def watching(*addresses: Address, clients: int = 4) -> AsyncIterator[Watch]:
    watch = Watch()
    heads = (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    running = [
        asyncio.create_task(watch.run(address, heads[number % 2])) for address in addresses for number in range(clients)
    ]
    try:
        yield watch
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
