"""An instance that left traffic is waited for as long as somebody is connected to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from sandbox.control import Status
from sandbox.runtime.fake import FakeDriver
from sandbox.supervisor.drain import drained, open_connections
from sandbox.supervisor.state import InstanceState

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F40 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0100007F:C350 0100007F:1F40 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0100007F:1F40 0100007F:C351 06 00000000:00000000 03:00000FA0 00000000     0        0 0 3 0
   4: 00000000000000000000000001000000:1F40 00000000000000000000000001000000:C352 01 00000000:00000000 00:0 0 0 0 4 1
"""


def test_what_is_established_with_a_port_of_its_own_counts() -> None:
    assert open_connections(TABLE.splitlines(), {8000}) == 2
    assert open_connections(TABLE.splitlines(), {50000}) == 1
    assert open_connections(TABLE.splitlines(), {80}) == 0


def instance(port: int) -> InstanceState:
    return InstanceState(
        id="web-v1-1", service="web", version="v1", index=1, status=Status.STOPPING, ports={8000: port}
    )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def caller(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname())


async def test_it_returns_when_the_last_connection_closes(listener: socket.socket) -> None:
    one = instance(listener.getsockname()[1])
    assert await drained(FakeDriver(), one, 5)

    with caller(listener):
        accepted, _ = listener.accept()
        draining = asyncio.ensure_future(drained(FakeDriver(), one, 5))
        assert not (await asyncio.wait([draining], timeout=0.1))[0]
        accepted.close()
    assert await draining


async def test_it_gives_up_at_the_limit(listener: socket.socket) -> None:
    with caller(listener):
        assert not await drained(FakeDriver(), instance(listener.getsockname()[1]), 0.05)
