"""Letting an instance finish what it was asked before it left traffic: requests under way, streams, WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.runtime.base import Driver
from sandbox.supervisor.state import InstanceState

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ESTABLISHED = "01"  # proc_pid_net(5), states of <net/tcp_states.h>
_LOOK_WITHIN = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.2


async def drained(driver: Driver, instance: InstanceState, limit: float) -> bool:
    """Whether all that was open has ended within `limit` seconds. Where nothing can be seen, nothing is waited for.

    Envoy closes its idle connections to an instance as soon as it leaves; what is still open is in use.
    """
    ports = frozenset(instance.ports.values())
    deadline = asyncio.get_running_loop().time() + limit
    pause = _FIRST_PAUSE
    while ports and await _open(driver, instance, ports):
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    return True


def open_connections(table: Iterable[str], ports: Collection[int]) -> int:
    """Established connections that end at one of the local ports, from the lines of a table."""
    found = 0
    for line in table:
        words = line.split(maxsplit=4)
        if len(words) > 3 and words[3] == _ESTABLISHED and int(words[1].rpartition(":")[2], 16) in ports:
            found += 1
    return found


async def _open(driver: Driver, instance: InstanceState, ports: Collection[int]) -> int:
    if instance.container is None:
        return await asyncio.to_thread(_open_here, ports)
    try:
        _, table = await driver.run(instance.id, ("cat", *_TABLES), _LOOK_WITHIN)
    except (SandboxError, TimeoutError):
        return 0
    return open_connections(table.splitlines(), ports)


def _open_here(ports: Collection[int]) -> int:
    """Line by line: a busy machine's table is as large as half a megabyte."""
    found = 0
    for table in _TABLES:
        with suppress(OSError), Path(table).open() as lines:
            found += open_connections(lines, ports)
    return found
