"""What Envoy counted request by request (`outcome.…`, `call.…`) -> edges and columns. Pure.

The proxy has it count every request that ended otherwise than well with the reason, and every call that was not
declared with its caller. A reason that lies before the cluster (an injected fault, a limit, a refusal) is in none of
the cluster's own numbers, so such requests are added to them here; of all others only the reason is new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sandbox.model import GATEWAY
from sandbox.telemetry.columns import CANCELLED, CLIENT_ERRORS, CODE, DETAIL, ERRORS, FLAG, REQUESTS, EdgeKey

EXTERNAL = "external"
"""The version in edges to hosts outside; the callee is the host."""

NOWHERE = ""
"""The callee of requests that no route led anywhere."""

_OUTCOME = re.compile(r"outcome\.n\.c\.(?P<c>.*?)\.r\.(?P<r>\d+)\.f\.(?P<f>.*?)\.s\.(?P<s>.*?)\.d\.(?P<d>.*)")
_CALL = re.compile(r"call\.(n\.r\.(?P<r>\d+)|t)\.c\.(?P<c>.*?)\.s\.(?P<s>.*?)\.h\.(?P<h>.*)")
_OUTSIDE = "outside"
_BEFORE = ("fault_filter_abort", "request_rate_limited", "local_rate_limited", "rbac_access_denied", "ext_authz")
_MOST_OF_A_DETAIL = 80


@dataclass(frozen=True, slots=True)
class Told:
    edge: EdgeKey
    columns: tuple[str, ...]  # each grows by the number of requests


def tell(name: str, callers: Mapping[str, str]) -> Told | None:
    """callers: by the port of their HTTP proxy. None for any other statistic."""
    parsed = _parsed(name)
    if parsed is None:
        return None
    caller, cluster, host, counted = parsed
    return Told(_edge(callers.get(caller, caller), cluster, host), counted)


@lru_cache(maxsize=8192)
def _parsed(name: str) -> tuple[str, str, str, tuple[str, ...]] | None:
    if found := _OUTCOME.fullmatch(name):
        cluster = found["c"]
        counted = tuple(_of_outcome(cluster, found["r"], found["f"], found["d"]))
        return found["s"], cluster, _OUTSIDE, counted
    if found := _CALL.fullmatch(name):
        return found["s"], found["c"], _without_port(found["h"]), tuple(_of_answer(found["r"]) if found["r"] else ())
    return None


def _of_outcome(cluster: str, code: str, flags: str, details: str) -> Iterator[str]:
    yield f"{DETAIL}{code}.{flags}.{details[:_MOST_OF_A_DETAIL]}"
    if flags not in ("", "-"):
        yield f"{FLAG}{flags}"
    given = flags.split(",")
    if "FI" in given or "DI" in given:
        yield "faults"
    if "RL" in given or details in ("request_rate_limited", "local_rate_limited"):
        yield "rate_limited"
    if details.startswith("rbac_access_denied"):
        yield "denied"
    if code == "0":
        yield CANCELLED
    elif not cluster or (cluster.startswith("edge") and details.startswith(_BEFORE)):
        yield from _of_answer(code)


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
