"""Which request goes where -> RouteConfigurations. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from envoy.config.core.v3.base_pb2 import DataSource, HeaderValue, HeaderValueOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from sandbox.model import AppProtocol
from sandbox.proxy.answers import LONGEST_BODY
from sandbox.proxy.clusters import clusters_of
from sandbox.proxy.names import OUTBOUND, OUTSIDE
from sandbox.proxy.policy import routes, terminated_connect, tunnel
from sandbox.proxy.resource import Resource, resource
from sandbox.proxy.target import Callee, Target
from sandbox.proxy.tracing import FORCED

CALLER_HEADER = "x-sandbox-caller"
"""The port of the caller's HTTP proxy. Set by the outbound listener, never believed, never passed on."""

GATEWAY_ROUTES = "gateway"
_NAMED_HOSTS = 10  # services that an answer lists
_NO_TIMEOUT = Duration()
_NO_EGRESS = (
    "%REQ(:AUTHORITY)% is not a service of this project, and calls to hosts outside are denied here "
    "(mesh: {egress: deny}). To allow this one, name it as a service with `external:` in sandbox.yaml."
)
_ENVOYS_OWN = "x-envoy-external-address"
# Envoy by itself would name the machine's address in the network where the peer is on loopback.
_FORWARDED_FOR = HeaderValueOption(
    header=HeaderValue(key="x-forwarded-for", value="%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"),
    append_action=HeaderValueOption.APPEND_IF_EXISTS_OR_ADD,
)


def edge_routes(name: str, target: Target) -> Resource:
    """Everything on one edge's listener."""
    host = VirtualHost(name="edge", domains=["*"], routes=routes(target))
    return _configuration(name, [host], _names(target))


def chain_routes(
    name: str, hosts: Sequence[VirtualHost], clusters: Sequence[str], otherwise: Target | None
) -> Resource:
    """What one caller finds at an address that its callees share. `otherwise` gets the requests that name none of
    them; without one, they are told who is there."""
    if otherwise is None:
        rest = _explaining("unknown", ["*"], _elsewhere([host.name for host in hosts]))
    else:
        rest = VirtualHost(name="any", domains=["*"], routes=routes(otherwise))
    return _configuration(name, [*hosts, rest], tuple(clusters))


def chain_host(target: Target, *, first: bool) -> VirtualHost:
    """`first`: of the callee's ports there it answers to the name alone, and to whatever port a client puts behind."""
    domains = _domains(target.callee.service.name, target.port, first=first)
    return VirtualHost(name=domains[0], domains=domains, routes=routes(target))


def outbound_routes(
    hosts: Sequence[VirtualHost], clusters: Sequence[str], *, through_parent: bool, egress: bool
) -> Resource:
    """What no caller declared: every service by name, and the hosts outside unless `egress` is forbidden."""
    outside = _outside(through_parent=through_parent) if egress else _no_egress()
    return _configuration(OUTBOUND, [*hosts, outside], (OUTSIDE, *clusters), strip=[CALLER_HEADER])


def _outside(*, through_parent: bool) -> VirtualHost:
    tunnelled = _to(OUTSIDE)
    if not through_parent:
        tunnelled.upgrade_configs.append(terminated_connect())
    routes_ = [Route(match=_connect(), route=tunnelled), Route(match=_any(), route=_to(OUTSIDE))]
    return VirtualHost(name="outside", domains=["*"], routes=routes_)


def _no_egress() -> VirtualHost:
    return _explaining("no egress", ["*"], _NO_EGRESS, status=403, connect=True)


def service_hosts(callee: Callee, targets: Sequence[Target]) -> list[VirtualHost]:
    """`orders` and `orders:ANY` are its first HTTP port; a port that it declares is that port."""
    return [
        VirtualHost(
            name=f"{callee.service.name}:{port}",
            domains=_domains(callee.service.name, port, first=index == 0),
            routes=[route for target in targets if target.port == port for route in (tunnel(target), *routes(target))],
        )
        for index, port in enumerate(http_ports(callee))
    ]


def http_ports(callee: Callee) -> tuple[int, ...]:
    return tuple(port.number for port in callee.service.ports if port.protocol is not AppProtocol.TCP)


def gateway_routes(public: Sequence[Target], private: Sequence[str], default: Target | None, port: int) -> Resource:
    """`NAME.localhost` is the public service NAME; the default one answers on hosts that are no such name."""
    names = [target.callee.service.name for target in public]
    hosts = [
        VirtualHost(name=f"public {name}", domains=[f"{name}.localhost"], routes=routes(target))
        for name, target in zip(names, public, strict=True)
    ]
    if private:
        hosts.append(_explaining("private", [f"{name}.localhost" for name in private], _private(names, port)))
    hosts.append(_explaining("unknown", ["*.localhost"], _unknown(names, port)))
    if default is None:
        hosts.append(_explaining("nothing public", ["*"], _nothing_public(names, port)))
    else:
        hosts.append(VirtualHost(name="default", domains=["*"], routes=routes(default)))
    used = dict.fromkeys(cluster for target in (*public, *([default] if default else ())) for cluster in _names(target))
    return _configuration(GATEWAY_ROUTES, hosts, tuple(used), strip=[CALLER_HEADER, _ENVOYS_OWN], from_outside=True)


def _names(target: Target) -> tuple[str, ...]:
    return tuple(cluster.name for cluster in clusters_of(target))


def _domains(name: str, port: int, *, first: bool) -> list[str]:
    return [name, f"{name}:*"] if first else [f"{name}:{port}"]


def _configuration(
    name: str,
    hosts: Sequence[VirtualHost],
    clusters: tuple[str, ...],
    *,
    strip: Sequence[str] = (),
    from_outside: bool = False,
) -> Resource:
    message = RouteConfiguration(
        name=name,
        virtual_hosts=hosts,
        ignore_port_in_host_matching=from_outside,
        request_headers_to_remove=[FORCED, *strip],
        request_headers_to_add=[_FORWARDED_FOR] if from_outside else [],
        validate_clusters=BoolValue(value=False),
        max_direct_response_body_size_bytes=UInt32Value(value=LONGEST_BODY),
    )
    return resource(name, message, refers_to=clusters)


def _any() -> RouteMatch:
    return RouteMatch(prefix="/")


def _connect() -> RouteMatch:
    return RouteMatch(connect_matcher=RouteMatch.ConnectMatcher())


def _to(cluster: str) -> RouteAction:
    return RouteAction(cluster=cluster, timeout=_NO_TIMEOUT)


def _explaining(name: str, domains: list[str], text: str, *, status: int = 404, connect: bool = False) -> VirtualHost:
    """`connect`: to who asks for a tunnel, too."""
    answer = DirectResponseAction(
        status=status,
        body_format=SubstitutionFormatString(text_format_source=DataSource(inline_string=f"sandbox: {text}\n")),
    )
    matches = [*([_connect()] if connect else []), _any()]
    routes_ = [Route(name=name, match=match, direct_response=answer) for match in matches]
    return VirtualHost(name=name, domains=domains, routes=routes_)


def _private(public: Sequence[str], port: int) -> str:
    return (
        "%REQ(:AUTHORITY)% is a service of this project, but not a public one. "
        f"{_public(public, port)} To open it, set `public: true` on it in sandbox.yaml."
    )


def _unknown(public: Sequence[str], port: int) -> str:
    return f"there is no service for %REQ(:AUTHORITY)%. {_public(public, port)}"


def _nothing_public(public: Sequence[str], port: int) -> str:
    if public:
        return f"no service answers on %REQ(:AUTHORITY)%. {_public(public, port)}"
    return "no service is public. Set `public: true` on one in sandbox.yaml."


def _elsewhere(names: Sequence[str]) -> str:
    found = f"{', '.join(names[:_NAMED_HOSTS])}{_more(len(names))}"
    return f"%REQ(:AUTHORITY)% is not reachable at this address, but these are: {found}."


def _public(names: Sequence[str], port: int) -> str:
    if not names:
        return "No service is public."
    urls = ", ".join(f"http://{name}.localhost:{port}/" for name in names[:_NAMED_HOSTS])
    return f"Public: {urls}{_more(len(names))}."


def _more(count: int) -> str:
    return f" and {count - _NAMED_HOSTS} more" if count > _NAMED_HOSTS else ""
