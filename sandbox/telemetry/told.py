"""What Envoy counted request by request (`outcome.…`, `call.…`) -> edges and columns. Pure.

The proxy has it count every request that ended otherwise than well with the reason, and every call that was not
declared with its caller. What led to no instance (a refusal, a connection that a fault broke off, no route) is in none
of the edges' own numbers, so such requests are added to them here; of all others only the reason is new, and of those
that ran into a time limit how long they took. Filters answer in the inbound listener, behind the edge: what it says of
its reason is as good as the edge's own flags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sandbox.model import GATEWAY
from sandbox.telemetry.columns import (
    CANCELLED,
    CLIENT_ERRORS,
    CODE,
    DETAIL,
    ERRORS,
    FLAG,
    REQUESTS,
    ROUTE,
    ROUTE_ERRORS,
    EdgeKey,
)

EXTERNAL = "external"
"""The version in edges to hosts outside; the callee is the host."""

NOWHERE = ""
"""The callee of requests that no route led anywhere."""

_OUTCOME = re.compile(
    r"outcome\.n\.c\.(?P<c>.*?)\.r\.(?P<r>\d+)\.f\.(?P<f>.*?)\.x\.(?P<x>.*?)\.s\.(?P<s>.*?)\.d\.(?P<d>.*)"
)
_LATE = re.compile(r"outcome\.t\.f\.(?P<f>.*?)\.c\.(?P<c>edge\|.*?)\.s\.(?P<s>.*)")
_CALL = re.compile(r"call\.(n\.r\.(?P<r>\d+)\.a\.(?P<a>\d+)|[tio])\.c\.(?P<c>.*?)\.s\.(?P<s>.*?)\.h\.(?P<h>.*)")
_OUTSIDE = "outside"
_NOBODY = _NO_ROUTE = "-"
_REFUSED = ("denied|", "broken|")
"""Clusters that lead to no instance: `denied|CALLER|CALLEE|PORT`."""
_ROUTE = re.compile(r"route\.(n\.r\.(?P<r>\d+)|t)\.c\.(?P<c>.*?)\.d\.(?P<d>.*)")
_FAULT = re.compile(r"http\.inbound\.fault\.(?P<s>[^|]*)\|(?P<c>[^.]*)\.delays_injected")
_SAID = {"RL": "rate_limited", "FI": "faults", "UO": "overflows", "denied": "denied"}
_BYTES = {"i": ("bytes_in",), "o": ("bytes_out",)}
_TIMED_OUT = frozenset({"UT", "DT", "SI"})
"""Flags of requests that took longer than they may: response, duration, idle stream."""
_MOST_ATTEMPTS = 100
_MOST_OF_A_DETAIL = 80


@dataclass(frozen=True, slots=True)
class Told:
    """Of a counter or a histogram of durations."""

    edge: EdgeKey
    columns: tuple[str, ...]  # each grows by what was counted
    durations_of: str = ""  # a route of the gateway; "": the edge itself


def tell(name: str, callers: Mapping[str, str]) -> Told | None:
    """callers: by the port of their HTTP proxy. None for any other statistic."""
    parsed = _parsed(name)
    if parsed is None:
        return None
    caller, cluster, host, counted, route = parsed
    return Told(_edge(callers.get(caller, caller), cluster, host), counted, route)


@lru_cache(maxsize=8192)
def _parsed(name: str) -> tuple[str, str, str, tuple[str, ...], str] | None:
    """Caller, cluster, host, columns, route."""
    if found := _OUTCOME.fullmatch(name):
        columns = tuple(_of_outcome(found["c"], found["r"], found["f"], found["x"], found["d"]))
        return found["s"], found["c"], _OUTSIDE, columns, ""
    if (found := _LATE.fullmatch(name)) and not _TIMED_OUT.isdisjoint(found["f"].split(",")):
        return found["s"], found["c"], _OUTSIDE, (), ""
    if (found := _CALL.fullmatch(name)) and not found["c"].startswith(_REFUSED):
        columns = tuple(_of_call(found["r"], found["a"])) if found["r"] else _BYTES.get(found[1], ())
        return found["s"], found["c"], _without_port(found["h"]), columns, ""
    if found := _ROUTE.fullmatch(name):
        route = found["d"] or _NO_ROUTE
        return GATEWAY, found["c"], "", tuple(_of_route(route, found["r"])) if found["r"] else (), route
    if found := _FAULT.fullmatch(name):
        return found["s"], f"denied|{found['s']}|{found['c']}|", "", ("faults",), ""
    return None


def _of_call(code: str, attempts: str) -> Iterator[str]:
    """All of an undeclared call: no cluster counts by who called."""
    yield from _of_answer(code)
    yield from ["retries"] * (min(int(attempts), _MOST_ATTEMPTS) - 1)


def _of_route(route: str, code: str) -> Iterator[str]:
    yield f"{ROUTE}{route}"
    if code == "0" or code >= "500":
        yield f"{ROUTE_ERRORS}{route}"


def _of_outcome(cluster: str, code: str, own: str, inbound: str, details: str) -> Iterator[str]:
    flags = own if own not in ("", "-") else inbound or "-"
    yield f"{DETAIL}{code}.{flags}.{details[:_MOST_OF_A_DETAIL]}"
    if flags != "-":
        yield f"{FLAG}{flags}"
    if flags == inbound:
        yield from (_SAID[one] for one in inbound.split(",") if one in _SAID)
    if cluster.startswith("broken|"):
        yield "faults"
    if code == "0" and not cluster.startswith(_REFUSED):
        yield from (CANCELLED, f"{CODE}0")
    elif not cluster or cluster.startswith(_REFUSED):
        yield from _of_answer(code if code != "0" else "502")


def _of_answer(code: str) -> Iterator[str]:
    """As Envoy counts what reached a cluster."""
    if code == "0":
        return
    yield REQUESTS
    yield f"{CODE}{code}"
    if code >= "500":
        yield ERRORS
    elif code >= "400":
        yield CLIENT_ERRORS


def _edge(caller: str, cluster: str, host: str) -> EdgeKey:
    match cluster.split("|"):
        case ["edge", source, callee, version, _]:
            return EdgeKey(source, callee, version)
        case ["undeclared", callee, version, _]:
            return EdgeKey(caller, callee, version)
        case ["denied" | "broken", source, callee, _]:
            return EdgeKey(caller if source == _NOBODY else source, callee, NOWHERE)
        case [""]:
            return _nowhere(caller)
    return EdgeKey(caller, host, EXTERNAL)


def _nowhere(chain: str) -> EdgeKey:
    """No cluster was chosen: the filter chain says whose requests these are, and some say what for."""
    match chain.split("|"):
        case ["edge", caller, callee, _]:
            return EdgeKey(caller, callee, NOWHERE)
        case ["published", callee, _]:
            return EdgeKey(GATEWAY, callee, NOWHERE)
    return EdgeKey(chain or GATEWAY, NOWHERE, NOWHERE)


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
