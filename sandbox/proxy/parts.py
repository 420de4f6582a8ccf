"""What each service, caller and address contributes to a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.route.v3.route_components_pb2 import VirtualHost

from sandbox.errors import ProxyError
from sandbox.model import GATEWAY, AppProtocol, HeaderMatch, Port
from sandbox.proxy import listeners, names, routes
from sandbox.proxy.clusters import clusters_of, inbound_clusters, outbound_cluster, outside_cluster, relay_cluster
from sandbox.proxy.egress import tunnel_filter, tunnel_socket
from sandbox.proxy.gates import gate_cluster, gates
from sandbox.proxy.inbound import Inbound, inbound_host, inbound_routes
from sandbox.proxy.resource import Resource
from sandbox.proxy.routes import GATEWAY_ROUTES, http_ports
from sandbox.proxy.sharing import Chain, losers
from sandbox.proxy.target import Around, Callee, Target
from sandbox.proxy.topology import Address, Caller, EdgeListener, MeshService, Published, Relay, Topology, protocol_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The resources that one service, caller or listener contributes."""

    clusters: tuple[Resource, ...] = ()
    listeners: tuple[Resource, ...] = ()
    routes: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Proxied:
    """A caller that is known by the address of its HTTP proxy."""

    name: str
    http_proxy: Address
    declared: bool


@dataclass(frozen=True, slots=True, eq=False)
class ByName:
    """What the outbound listener knows of a service: how undeclared callers reach it, and all callers by its name."""

    clusters: tuple[Resource, ...]
    hosts: tuple[VirtualHost, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChainPart:
    """One caller's filter chain at a shared address, and what it needs."""

    chain: FilterChain
    clusters: tuple[Resource, ...]
    routes: tuple[Resource, ...] = ()

    @property
    def refers_to(self) -> str:
        return (self.routes or self.clusters)[0].name


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """To one port of a callee, from one caller or from all that do not declare it. At an address where it is one of
    several ways, `host` is what it answers to; TCP has none."""

    target: Target
    protocol: AppProtocol
    clusters: tuple[Resource, ...]
    host: VirtualHost | None


def gateway_part(
    bind: Address, source: str | None, public: tuple[Callee, ...], private: tuple[str, ...], default: Callee | None
) -> Part:
    targets = {one.service.name: Target(GATEWAY, one, http_ports(one)[0]) for one in public}
    chosen = targets[default.service.name] if default is not None else None
    return Part(
        clusters=tuple(cluster for target in targets.values() for cluster in _clusters(target)),
        listeners=(listeners.gateway_listener(GATEWAY_ROUTES, bind, source),),
        routes=(routes.gateway_routes(tuple(targets.values()), private, chosen, bind.port),),
    )


def caller_part(caller: Caller, edges: Sequence[Part], named: Sequence[tuple[Resource, ...]]) -> Part:
    """`edges`: those with an address that they share with nothing. `named`: the clusters of all that it declares, which
    can be named at its HTTP proxy."""
    proxy = _proxy_part(caller, caller.http_proxy, named) if caller.http_proxy else Part()
    return Part(
        clusters=tuple(one for part in (*edges, proxy) for one in part.clusters),
        listeners=tuple(one for part in (*edges, proxy) for one in part.listeners),
        routes=tuple(one for part in (*edges, proxy) for one in part.routes),
    )


def edge_part(caller: str, edge: EdgeListener, callee: Callee) -> Part:
    return _edge_part(names.edge_name(caller, edge.callee, edge.port), caller, callee, edge.port, edge.bind)


def named_part(caller: str, callee: Callee) -> tuple[Resource, ...]:
    """The clusters of all ports, declared as an edge or not, that can be named at the caller's HTTP proxy."""
    return tuple(one for port in http_ports(callee) for one in _clusters(Target(caller, callee, port)))


def _proxy_part(caller: Caller, bind: Address, named: Sequence[tuple[Resource, ...]]) -> Part:
    return Part(
        clusters=tuple(one for clusters in named for one in clusters),
        listeners=(listeners.proxy_listener(names.proxy_name(caller.name), bind, caller.source),),
    )


def _edge_part(name: str, caller: str, callee: Callee, port: int, bind: Address, source: str | None = None) -> Part:
    target = Target(caller, callee, port)
    clusters = _clusters(target)
    if _protocol(callee.service, port) is AppProtocol.TCP:
        return Part(clusters=clusters, listeners=(listeners.tcp_listener(name, clusters[0].name, bind, source),))
    return Part(
        clusters=clusters,
        listeners=(listeners.edge_listener(name, bind, source),),
        routes=(routes.edge_routes(name, target),),
    )


def way(target: Target, first: bool) -> Way:
    """`first`: of the callee's ports at the address."""
    protocol = _protocol(target.callee.service, target.port)
    host = None if protocol is AppProtocol.TCP else routes.chain_host(target, first=first)
    return Way(target, protocol, _clusters(target), host)


def chain_part(bind: Address, chain: Chain, ways: Sequence[Way]) -> ChainPart:
    """`ways` of its edges, in their order. ProxyError when TCP meets anything else there."""
    _check_conflicts(bind, chain, ways)
    clusters = tuple(cluster for one in ways for cluster in one.clusters)
    hosts = [one.host for one in ways if one.host is not None]
    if not hosts:
        return ChainPart(chain=listeners.tcp_chain(chain.caller, clusters[0].name, chain.source), clusters=clusters)
    name = names.chain_name(chain.caller, bind)
    return ChainPart(
        chain=listeners.http_chain(chain.caller, name, chain.source),
        clusters=clusters,
        routes=(
            routes.edge_routes(name, ways[0].target)
            if len(ways) == 1
            else routes.chain_routes(name, hosts, [cluster.name for cluster in clusters], _only_declared(chain, ways)),
        ),
    )


def _only_declared(chain: Chain, ways: Sequence[Way]) -> Target | None:
    """Whom a request means that names somebody else: a client may well pass on the host it was called by."""
    return ways[0].target if len(chain.declared) == 1 else None


def shared_part(bind: Address, chains: Sequence[ChainPart], nobody: tuple[str, ...] = ()) -> Part:
    """`nobody`: addresses that are refused, whatever chain's range has them."""
    listener = listeners.shared_listener(
        names.shared_name(bind), bind, [one.chain for one in chains], tuple(one.refers_to for one in chains), nobody
    )
    return Part(
        clusters=tuple(cluster for one in chains for cluster in one.clusters),
        listeners=(listener,),
        routes=tuple(route for one in chains for route in one.routes),
    )


def published_part(one: Published, callee: Callee, source: str | None) -> Part:
    return _edge_part(names.published_name(one.service, one.port), GATEWAY, callee, one.port, one.bind, source)


def relay_part(relay: Relay) -> Part:
    if not relay.sources:
        return Part()
    name = names.relay_name(relay.name)
    return Part(
        clusters=(relay_cluster(name, relay.to),),
        listeners=(listeners.relay_listener(name, relay.bind, relay.sources),),
    )


def outbound_part(topology: Topology, services: Sequence[ByName]) -> Part:
    hosts = [host for service in services for host in service.hosts]
    clusters = tuple(one for service in services for one in service.clusters)
    parent = topology.parent_proxy
    routing = routes.outbound_routes(
        hosts, tuple(one.name for one in clusters), through_parent=parent is not None, egress=topology.mesh.egress
    )
    return Part(
        clusters=(outbound_cluster(topology.outbound_socket), outside_cluster(parent), *clusters),
        listeners=(listeners.outbound_listener(topology.outbound_socket, resolves=parent is None),),
        routes=(routing,),
    )


def by_name_part(callee: Callee, callers: Sequence[Proxied]) -> ByName:
    """`callers`: those that declare the callee, or that its policy names."""
    targets = [target for port in http_ports(callee) for target in _by_name(callee, port, callers)]
    undeclared = [cluster for target in targets if target.origin is None for cluster in _clusters(target)]
    unique = {cluster.name: cluster for cluster in undeclared}
    return ByName(tuple(unique.values()), tuple(routes.service_hosts(callee, targets)))


def inbound_service(callee: Callee) -> Inbound:
    found = tuple(listeners.gate_listener(gate) for gate in gates(callee))
    passed = (gate_cluster(callee),) if found else ()
    return Inbound((*inbound_clusters(callee), *passed), inbound_host(callee), found)


def inbound_part(around: Around, services: Sequence[Inbound]) -> Part:
    return Part(
        clusters=tuple(one for service in services for one in service.clusters),
        listeners=(
            listeners.inbound_listener(around.inbound_socket),
            listeners.breaking_listener(around.breaking_socket),
            *(gate for service in services for gate in service.gates),
        ),
        routes=(inbound_routes(services),),
    )


def tunnel_part(callee: Callee) -> Part:
    """To a host outside, where only the user's own HTTP proxy leads there."""
    name = names.tunnel_name(callee.service.name)
    socket = tunnel_socket(callee.service, callee.around)
    return Part(listeners=(listeners.tunnel_listener(name, socket, tunnel_filter(callee.service)),))


def _by_name(callee: Callee, port: int, callers: Sequence[Proxied]) -> Iterator[Target]:
    for one in callers:
        where = HeaderMatch(name=routes.CALLER_HEADER, value=str(one.http_proxy.port))
        yield Target(one.name, callee, port, where, one.declared)
    yield Target(None, callee, port)


def _clusters(target: Target) -> tuple[Resource, ...]:
    _protocol(target.callee.service, target.port)
    return clusters_of(target)


def _protocol(service: MeshService, port: int) -> AppProtocol:
    try:
        return protocol_of(service, port)
    except KeyError:
        raise ProxyError(f"has no port {port}", place=service.name, hint=_declared(service.ports)) from None


def _declared(ports: tuple[Port, ...]) -> str:
    return f"it declares {', '.join(str(port.number) for port in ports)}" if ports else "it declares no ports"


def _check_conflicts(bind: Address, chain: Chain, ways: Sequence[Way]) -> None:
    for loser in losers(chain, [one.protocol for one in ways]):
        raise ProxyError(
            f"{chain.caller} can't reach both {chain.edges[0].callee} and {loser.callee} here: TCP names no host",
            place=str(bind),
            hint=f"give {loser.callee} an address of its own",
        )
