"""Where a service listens that is not where it should."""

from __future__ import annotations

import os
import socket
from dataclasses import replace

import pytest

from sandbox.control import Status
from sandbox.runtime.fake import Behaviour, FakeDriver
from sandbox.supervisor.listening import elsewhere, listens_elsewhere, of_table
from sandbox.supervisor.state import InstanceState
from tests.contracts.stages import FakeStage

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0B00007F:A2C1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0100007F:1F40 0100007F:8C3E 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 0 0 10 -1
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000
"""


WEB = InstanceState(
    id="web-v1-1",
    service="web",
    version="v1",
    index=1,
    status=Status.STARTING,
    reason=None,
    fingerprint="1",
    host="127.0.0.1",
    ports={8000: 8000},
)
CONTAINED = replace(WEB, container="abc", host="10.0.0.5")


def test_the_kernels_table_names_listening_sockets_and_not_the_engines_resolver() -> None:
    assert list(of_table(TABLE)) == [("127.0.0.1", 8000), ("::1", 80)]


@pytest.mark.parametrize("place", [("127.0.0.1", 1), ("0.0.0.0", 1), ("::", 1)])
def test_a_process_may_listen_on_its_host_or_everywhere(place: tuple[str, int]) -> None:
    assert elsewhere([place, ("127.0.0.1", 9)], "127.0.0.1", 1) is None


async def test_a_process_that_ignores_its_port_is_found_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert await listens_elsewhere(FakeDriver(), replace(WEB, pid=os.getpid(), ports={8000: port})) is None
        found = await listens_elsewhere(FakeDriver(), replace(WEB, pid=os.getpid(), ports={8000: 1}))
    assert found is not None
    assert "instead of 127.0.0.1:1; use the PORT" in found


async def test_a_container_that_listens_on_loopback_alone_is_found_out() -> None:
    stage = FakeStage()
    driver = await stage.open()
    await driver.start(stage.play("listens on loopback", "web-v1-1"))
    cat = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
    stage.host.behaviours["web-v1-1"] = Behaviour(commands={cat: (0, TABLE)})
    found = await listens_elsewhere(driver, CONTAINED)
    assert found == "it listens on 127.0.0.1:8000, ::1:80 instead of 0.0.0.0:8000; use the PORT and HOST variables"


async def test_nothing_known_is_nothing_said() -> None:
    assert await listens_elsewhere(FakeDriver(), CONTAINED) is None
    assert await listens_elsewhere(FakeDriver(), replace(WEB, ports={})) is None
