"""How clusters and endpoint sets are called in Envoy, and back: telemetry reads its numbers by these names.

`edge|storefront|steamer|v1|8080`  one caller's way to one version of one callee's port
`undeclared|steamer|v1|8080`       the same for all callers that do not declare the callee
`steamer|v1|8080`                  the endpoints behind both
`edge|storefront|steamer|v1|8080~`  the same way when it leads through the inbound listener (see `inbound`)
`inbound|steamer|v1|8080`          from there to the instances, for all callers; not counted again
`gate|steamer`                     from a gate (see `gates`) to the inbound listener
`denied|storefront|steamer|8080`   requests that an authorization refused, by who called whom; `-` for an unknown caller
`broken|storefront|steamer|8080`   requests whose connection a fault broke off

A TCP port's connections are spread over the versions by the endpoints' weights, so its version is `*`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.proxy.topology import Address

ALL_VERSIONS = "*"
"""The version in the names of a TCP port's clusters."""

SEPARATOR = "|"

OUTBOUND = "outbound"
"""The way from a caller's HTTP proxy to the listener that knows every service and the hosts outside."""

OUTSIDE = "outside"
"""The cluster for hosts that are no service of the project."""

TELEMETRY = "telemetry"
"""The cluster (in the bootstrap) by which Envoy's spans and records reach us."""

RUNTIME = "sandbox"
"""The layer of Envoy's runtime that the control plane serves."""
INBOUND = "inbound"
"""The listener, and its routes, where what holds for all callers of a service together is decided."""

BREAKING = "breaking"
"""The listener that never answers."""

GATE = "gate"
"""The prefix of the listeners where the requests of all callers are counted."""

_GUARDED = "~"
_NOBODY = "-"

OUTCOME, CALL, ROUTE = "outcome", "call", "route"
"""The prefixes of what is counted request by request (`outcomes`)."""


@dataclass(frozen=True, slots=True, order=True)
class ClusterName:
    caller: str | None  # None: a caller that does not declare the callee
    callee: str
    version: str
    port: int
    guarded: bool = False  # it leads through the inbound listener

    def __str__(self) -> str:
        origin = "undeclared" if self.caller is None else f"edge|{self.caller}"
        return f"{origin}|{self.callee}|{self.version}|{self.port}{_GUARDED if self.guarded else ''}"

    @property
    def endpoints(self) -> str:
        return endpoints_name(self.callee, self.version, self.port)


def endpoints_name(callee: str, version: str, port: int) -> str:
    return f"{callee}|{version}|{port}"


def inbound_name(callee: str, version: str, port: int) -> str:
    return f"{INBOUND}|{callee}|{version}|{port}"


def denied_name(caller: str | None, callee: str, port: int) -> str:
    return f"denied|{caller or _NOBODY}|{callee}|{port}"


def broken_name(caller: str | None, callee: str, port: int) -> str:
    return f"broken|{caller or _NOBODY}|{callee}|{port}"


def tunnel_name(service: str) -> str:
    """Of the listener through which an external service is reached behind the user's own proxy."""
    return f"tunnel|{service}"


def route_name(service: str, rule: int | None) -> str:
    """Of the routes that a rule becomes, counted from 1; None: what no rule matches."""
    return f"{service} default" if rule is None else f"{service} rule {rule}"


def gate_name(service: str, *parts: str) -> str:
    """Of the listener where requests are counted; without parts that of the cluster behind all of a service's."""
    return SEPARATOR.join((GATE, service, *parts))


def limit_name(service: str, key: str) -> str:
    """What a rate limit is counted by: `NAME.http_local_rate_limit.rate_limited`."""
    return f"limit|{service}|{key}" if key else f"limit|{service}"


def edge_name(caller: str, callee: str, port: int) -> str:
    """Of the listener through which a caller reaches one port of a callee, and of its routes."""
    return f"edge|{caller}|{callee}|{port}"


def shared_name(bind: Address) -> str:
    """Of the listener at an address where callers or callees must be told apart."""
    return f"shared|{bind}"


def chain_name(caller: str, bind: Address) -> str:
    """Of the routes that a caller finds at a shared address."""
    return f"edges|{caller}|{bind}"


def proxy_name(caller: str) -> str:
    """Of a caller's HTTP proxy, and of its routes."""
    return f"proxy|{caller}"


def published_name(service: str, port: int) -> str:
    return f"published|{service}|{port}"


def relay_name(name: str) -> str:
    """Of a relay's listener, and of its cluster."""
    return f"relay|{name}"


def parse_cluster(name: str) -> ClusterName | None:
    """None for a cluster that leads to no service."""
    plain = name.removesuffix(_GUARDED)
    guarded = plain != name
    match plain.split(SEPARATOR):
        case ["edge", caller, callee, version, port] if port.isdecimal():
            return ClusterName(caller, callee, version, int(port), guarded)
        case ["undeclared", callee, version, port] if port.isdecimal():
            return ClusterName(None, callee, version, int(port), guarded)
    return None


def parse_stat(stat: str) -> tuple[ClusterName, str] | None:
    """`cluster.edge|a|b|v1|8080.upstream_rq_total` in its two parts; None for any other statistic."""
    if not stat.startswith("cluster."):
        return None
    head, _, tail = stat.removeprefix("cluster.").rpartition(SEPARATOR)
    port, _, metric = tail.partition(".")
    cluster = parse_cluster(f"{head}{SEPARATOR}{port}")
    return (cluster, metric) if cluster is not None and metric else None
