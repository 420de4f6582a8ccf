"""Letting an instance finish what it was asked before it left traffic: requests under way, streams, WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
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
    while ports and open_connections(await _table(driver, instance), ports):
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    return True


def open_connections(table: str, ports: Collection[int]) -> int:
    """Established connections that end at one of the local ports."""
    found = 0
    for line in table.splitlines():
        words = line.split()
        if len(words) > 3 and words[3] == _ESTABLISHED and int(words[1].rpartition(":")[2], 16) in ports:
            found += 1
    return found


async def _table(driver: Driver, instance: InstanceState) -> str:
    if instance.container is None:
        return await asyncio.to_thread(_own_tables)
    try:
        return (await driver.run(instance.id, ("cat", *_TABLES), _LOOK_WITHIN))[1]
    except (SandboxError, TimeoutError):
        return ""


def _own_tables() -> str:
    try:
        return "".join(Path(table).read_text() for table in _TABLES)
    except OSError:
        return ""
