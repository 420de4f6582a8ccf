"""Loopback ports: claiming one so that nobody else gets it, and naming who holds one that is taken.

A claimed port stays bound, not listening, with SO_REUSEPORT set afterwards: nobody can bind it by accident, and
Envoy, which binds with SO_REUSEPORT under the same user, still can. So there is no moment between choosing a port
and using it in which two projects, or a project and some other program, could choose the same one.

A program that shares no ports has to find its own unbound, and may take a while to bind it. Such a port is lent:
other projects pass it over all the same (on Linux).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

LOOPBACK = "127.0.0.1"

_FIRST, _LAST = 20000, 32000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who listens on a port. `pid` is None when the system does not tell this user."""

    pid: int | None
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid is not None else self.name


@dataclass(frozen=True, slots=True)
class Claim:
    """A port that is ours. `wanted` is what was preferred, when this is another one, and `owner` who has that;
    without an owner it is the other one because it was so the last time."""

    port: int
    wanted: int | None = None
    owner: Owner | None = None


class Ports:
    """Claims loopback ports for one project, remembered by purpose. Not thread-safe."""

    def __init__(self, project: str, remembered: dict[str, int] | None = None) -> None:
        self._project = project
        self._remembered = dict(remembered or {})
        self._held: dict[str, socket.socket] = {}
        self._lent: dict[str, socket.socket] = {}

    @property
    def remembered(self) -> dict[str, int]:
        return dict(self._remembered)

    def claim(self, purpose: str, *, preferred: int | None = None, running: bool = False) -> Claim:
        """The port for `purpose`: the remembered one, else `preferred`, else a free one near a fixed place.

        With `running`, what used the port before still listens on it and keeps it. SandboxError when none is free.
        """
        remembered = self._remembered.get(purpose)
        if remembered is not None and (running or purpose in self._held):
            return _claim(remembered, preferred)
        self._want_back(purpose)
        for port in self._candidates(purpose, remembered, preferred):
            if not _is_lent(port) and (held := _hold(port)) is not None:
                self.release(purpose)
                self._held[purpose] = held
                self._remembered[purpose] = port
                return _claim(port, preferred)
        raise SandboxError(
            f"no free port between {_FIRST} and {_LAST}", place=purpose, hint="stop something that listens there"
        )

    def take(self, purpose: str) -> socket.socket:
        """The claimed socket itself, for a listener in this process. KeyError when it was not claimed."""
        return self._held.pop(purpose)

    def release(self, purpose: str) -> None:
        """Unbind the port, so that a program that does not share ports can bind it; it stays remembered."""
        if held := self._held.pop(purpose, None):
            held.close()

    def lend(self, purpose: str) -> None:
        """Unbind the port for a program that is to bind it; it stays ours among projects until it is claimed anew."""
        self._want_back(purpose)
        if (lent := _lend(self._remembered[purpose])) is not None:
            self._lent[purpose] = lent
        self.release(purpose)

    def close(self) -> None:
        for purpose in list(self._held):
            self.release(purpose)
        for purpose in list(self._lent):
            self._want_back(purpose)

    def _want_back(self, purpose: str) -> None:
        if lent := self._lent.pop(purpose, None):
            lent.close()

    def _candidates(self, purpose: str, remembered: int | None, preferred: int | None) -> Iterator[int]:
        # What was remembered wins, so that addresses people have written down stay good.
        if remembered is not None:
            yield remembered
        if preferred is not None and remembered != preferred:
            yield preferred
        taken = set(self._remembered.values())
        for port in _range_from(f"{self._project}/{purpose}"):
            if port not in taken:
                yield port


def _claim(port: int, preferred: int | None) -> Claim:
    """Somebody may still have the preferred one: then that is the reason, and not what is remembered."""
    if preferred is None or port == preferred:
        return Claim(port)
    return Claim(port, preferred, None if is_free(preferred) else owner_of(preferred))


def _range_from(key: str) -> Iterator[int]:
    first, last = _usable_range()
    size = last - first
    start = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % size
    return (first + (start + step) % size for step in range(size))


def _usable_range() -> tuple[int, int]:
    """Ports the system does not hand out to outgoing connections, which could take one at any moment."""
    with contextlib.suppress(OSError, ValueError):
        low, _ = map(int, _EPHEMERAL.read_text().split())
        if _FIRST + 1000 < low < _LAST:
            return _FIRST, low
    return _FIRST, _LAST


def _hold(port: int) -> socket.socket | None:
    # Binding without SO_REUSEADDR is exclusive, but fails while old connections linger in TIME_WAIT.
    return _bind(port, reuse_address=False) or _bind(port, reuse_address=True)


def _bind(port: int, *, reuse_address: bool) -> socket.socket | None:
    try:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return None  # no file descriptor left; the caller says that no port was to be had
    try:
        if reuse_address:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOOPBACK, port))
        if reuse_address and not _can_listen(port):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        bound.close()
        return None
    return bound


def _lend(port: int) -> socket.socket | None:
    """A name that only one socket of this machine can have, and that goes with its process: unix(7), abstract. None
    where somebody has it, or systems know no such names."""
    if sys.platform != "linux":
        return None
    try:
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        name.bind(f"\0sandbox-port-{port}")
    except OSError:
        name.close()
        return None
    return name


def _is_lent(port: int) -> bool:
    """By another project, or for another purpose."""
    if sys.platform != "linux":
        return False
    name = _lend(port)
    if name is not None:
        name.close()
    return name is None


def _can_listen(port: int) -> bool:
    """Whether nothing answers: with SO_REUSEADDR some systems allow binding next to a listener."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((LOOPBACK, port)) != 0


def is_free(port: int) -> bool:
    held = _hold(port)
    if held is None:
        return False
    held.close()
    return True


def owner_of(port: int) -> Owner:
    """The process that listens on a port of this machine, as far as this user may know."""
    import psutil  # 30 ms that only a clash needs

    found = Owner(None, "another program")
    with contextlib.suppress(psutil.AccessDenied, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    continue
                with contextlib.suppress(psutil.Error):
                    return Owner(connection.pid, _name(psutil.Process(connection.pid)))
                found = Owner(connection.pid, "another program")
    return found


def _name(process: object) -> str:
    """What a person knows it by: the project when it is one of ours, else the program."""
    import psutil

    assert isinstance(process, psutil.Process)
    command = process.cmdline()
    for word in command:
        parts = Path(word).parts
        if "projects" in parts and (place := parts.index("projects")) + 1 < len(parts) and "sandbox" in command[0]:
            return f"sandbox project {parts[place + 1]}"
    return process.name()
