"""For a service that ignores PORT or HOST: where it listens instead."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from sandbox.errors import SandboxError
from sandbox.runtime.base import Driver
from sandbox.supervisor.state import InstanceState

Place = tuple[str, int]
"""Address and port."""

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"  # proc_pid_net(5), states of <net/tcp_states.h>
_ENGINES_DNS = "127.0.0.11"  # Docker's resolver listens inside every container
_LOOK_WITHIN = 2.0
_EVERYWHERE = ("0.0.0.0", "::")


async def listens_elsewhere(driver: Driver, instance: InstanceState) -> str | None:
    """A sentence, or None when nothing is known or all is as it should be."""
    port = next(iter(instance.ports.values()), None)
    if port is None:
        return None
    if instance.container is not None:
        return elsewhere(await _in_container(driver, instance.id), "", port)
    if instance.pid is not None:
        return elsewhere(await asyncio.to_thread(_of_process, instance.pid), instance.host, port)
    return None


def elsewhere(found: Iterable[Place], host: str, port: int) -> str | None:
    """`host`: an address on which listening is enough; empty in a container, which must listen on all."""
    places = sorted(set(found))
    wanted = (*_EVERYWHERE, host)
    if not places or any(address in wanted and number == port for address, number in places):
        return None
    listens = ", ".join(f"{address}:{number}" for address, number in places[:3])
    return f"it listens on {listens} instead of {host or _EVERYWHERE[0]}:{port}; use the PORT and HOST variables"


async def _in_container(driver: Driver, instance: str) -> list[Place]:
    try:
        _, text = await driver.run(instance, ("cat", *_TABLES), _LOOK_WITHIN)
    except (SandboxError, TimeoutError):
        return []
    return list(of_table(text))


def of_table(text: str) -> Iterator[Place]:
    """Listening sockets of /proc/net/tcp and tcp6: hexadecimal, each 32 bits of an address lowest byte first."""
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[3] == _LISTEN:
            address, _, port = words[1].partition(":")
            raw = bytes.fromhex(address)
            ordered = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
            found = str(ip_address(ordered))
            if found != _ENGINES_DNS:
                yield found, int(port, 16)


def _of_process(pid: int) -> set[Place]:
    import psutil

    found: set[Place] = set()
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                for connection in process.net_connections(kind="tcp"):
                    if connection.status == psutil.CONN_LISTEN and connection.laddr:
                        found.add((connection.laddr.ip, connection.laddr.port))
    return found
