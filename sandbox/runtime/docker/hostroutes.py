"""What this machine can already reach: its routes, its own addresses and whom it talks to, which no range of ours may
shadow."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

import psutil

_PROC = Path("/proc/net/route")

_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
"""The second names the real ones where the first names a stub on this machine."""

_TIMEOUT = 3.0


def known_networks() -> list[IPv4Network]:
    """IPv4 only: containers get no IPv6 address."""
    return [*_routes(), *_own(), *_far()]


def own_addresses() -> set[str]:
    return {one.address for found in psutil.net_if_addrs().values() for one in found if "." in one.address}


def _own() -> Iterator[IPv4Network]:
    for found in psutil.net_if_addrs().values():
        for one in found:
            if one.netmask and "." in one.address:
                yield IPv4Network(f"{one.address}/{one.netmask}", strict=False)


def _far() -> Iterator[IPv4Network]:
    """Where the default route leads, which says nothing of it: name servers, and the ends of open connections."""
    for file in _RESOLVERS:
        with suppress(OSError):
            yield from of_resolv_conf(file.read_text("utf-8", "replace"))
    with suppress(psutil.Error):  # macOS shows them to root alone
        for one in psutil.net_connections("tcp4"):
            if one.status == psutil.CONN_ESTABLISHED and one.raddr and (found := _network(one.raddr[0])):
                yield found


def of_resolv_conf(text: str) -> Iterator[IPv4Network]:
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and (found := _network(words[1])):
            yield found


def _routes() -> list[IPv4Network]:
    """Of all tables where iproute2 is there: VPNs keep theirs in tables of their own."""
    if shutil.which("ip"):
        said = _run("ip", "-json", "-4", "route", "show", "table", "all")
        if said is not None:
            return list(of_iproute(said))
    if _PROC.exists():
        return list(of_proc(_PROC.read_text()))
    return list(of_netstat(_run("netstat", "-rn", "-f", "inet") or ""))


def of_iproute(said: str) -> Iterator[IPv4Network]:
    try:
        routes = json.loads(said or "[]")
    except ValueError:
        return
    for route in routes:
        if route.get("type") not in ("local", "broadcast") and (found := _network(str(route.get("dst", "")))):
            yield found


def of_proc(text: str) -> Iterator[IPv4Network]:
    """/proc/net/route: destination and mask in hexadecimal, lowest byte first."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 7:
            address, mask = (int.from_bytes(bytes.fromhex(words[at]), "little") for at in (1, 7))
            yield IPv4Network((address, mask.bit_count()), strict=False)


def of_netstat(text: str) -> Iterator[IPv4Network]:
    """BSD leaves out what is zero: "10.8/16", "192.168.64", "default"."""
    for line in text.splitlines():
        word = line.split()[0] if line.split() else ""
        if match := re.fullmatch(r"(\d+(?:\.\d+){0,3})(?:/(\d+))?", word):
            parts = match[1].split(".")
            bits = match[2] or str(8 * len(parts))
            if found := _network(".".join([*parts, *["0"] * (4 - len(parts))]) + f"/{bits}"):
                yield found


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        return None  # "default", "unreachable", an IPv6 one


def _run(*argv: str) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
