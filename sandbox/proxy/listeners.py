"""Where the proxy accepts connections -> Listeners. Pure.

A listener never changes while it serves, for that would close its connections: whatever varies is in its routes. Only
whole filter chains come and go; Envoy then leaves the connections of all others alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.address_pb2 import Address as EnvoyAddress
from envoy.config.core.v3.address_pb2 import Pipe
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors as CorsFilter
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import (
    FilterConfig as DynamicForwardProxy,
)
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.on_demand.v3.on_demand_pb2 import OnDemand, OnDemandCds
from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import StatefulSession
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import ProxyProtocol
from envoy.extensions.filters.network.direct_response.v3.config_pb2 import Config as DirectResponse
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from sandbox.proxy import cors, faults, managers, protections, sessions
from sandbox.proxy.endpoints import socket_address
from sandbox.proxy.gates import Gate, gate_filters, gate_routes, too_many
from sandbox.proxy.managers import ROUTER, UpgradeConfig, early, network_filter
from sandbox.proxy.names import BREAKING, INBOUND, OUTBOUND, OUTSIDE
from sandbox.proxy.outcomes import BY_CHAIN, BY_PORT, calls
from sandbox.proxy.outcomes import routes as routes_taken
from sandbox.proxy.replies import gate_replies, local_replies
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.routes import CALLER_HEADER
from sandbox.proxy.sharing import ANYWHERE, parse_range
from sandbox.proxy.topology import Address
from sandbox.proxy.upstreams import ads, dns_cache

_DNS_FILTER = "envoy.filters.http.dynamic_forward_proxy"


def gateway_listener(routes: str, bind: Address, source: str | None) -> Resource:
    """For requests from outside: what they say in x-envoy- headers is dropped."""
    made = managers.manager("gateway")
    made.access_log.append(routes_taken())
    made.use_remote_address.value = True
    return _single(routes, _http(made, routes), routes, bind, source)


def edge_listener(name: str, bind: Address, source: str | None = None) -> Resource:
    """Its routes are called like the listener."""
    return _single(name, _http(managers.manager("edge"), name), name, bind, source)


def tcp_listener(name: str, cluster: str, bind: Address, source: str | None = None) -> Resource:
    return _single(name, _tcp(cluster), cluster, bind, source)


def proxy_listener(name: str, bind: Address, source: str | None) -> Resource:
    """A caller's HTTP proxy. It only hands on: reading HTTP here too would cost each service 40 KB."""
    return tcp_listener(name, OUTBOUND, bind, source)


def relay_listener(name: str, bind: Address, sources: Sequence[str]) -> Resource:
    """To the cluster of the same name. A chain for each range, so that one more changes no other."""
    return shared_listener(name, bind, [_chain(_tcp(name), source) for source in sources], (name,))


def shared_listener(
    name: str, bind: Address, chains: Sequence[FilterChain], refers_to: tuple[str, ...], nobody: Sequence[str] = ()
) -> Resource:
    """A connection that is for none of the chains is closed, and so is one from any of the addresses `nobody`.

    The address may be a network's that is made later, or made anew.
    """
    message = _listener(name, socket_address(bind), chains)
    message.freebind.value = True
    made = _at(bind, message, refers_to)
    if not nobody:
        return made
    message.filter_chains.append(_refusing(nobody))
    return resource(name, message, refers_to=refers_to, address=bind, sources=made.sources)


def _refusing(addresses: Sequence[str]) -> FilterChain:
    """Of the chains that an address fits, Envoy takes the one with the narrowest range."""
    chain = FilterChain(
        name="nobody",
        filters=[Filter(name="envoy.filters.network.direct_response", typed_config=pack(DirectResponse()))],
    )
    for address in addresses:
        chain.filter_chain_match.source_prefix_ranges.add(address_prefix=address, prefix_len=UInt32Value(value=32))
    return chain


def http_chain(caller: str, routes: str, source: str | None) -> FilterChain:
    """One caller's, at an address that several callees may share.

    Always with clusters on demand: a chain that got them with the first undeclared callee would lose its connections.
    """
    made = managers.manager("edge")
    made.access_log.append(calls(BY_CHAIN))
    del made.http_filters[:]
    made.http_filters.extend([_clusters_on_demand(), ROUTER])
    return _chain(_http(made, routes), source, caller)


def tcp_chain(caller: str, cluster: str, source: str | None) -> FilterChain:
    return _chain(_tcp(cluster), source, caller)


def outbound_listener(socket: Path, *, resolves: bool) -> Resource:
    """What all callers' HTTP proxies hand on: absolute-form requests, and CONNECT.

    The PROXY protocol says which proxy a connection came in by, and so who is calling. `resolves`: hosts outside are
    looked up here, not by a parent proxy.
    """
    made = managers.manager(OUTBOUND, BY_PORT)
    made.access_log.append(calls(BY_PORT))
    made.upgrade_configs.append(UpgradeConfig(upgrade_type="CONNECT"))
    made.local_reply_config.CopyFrom(local_replies(resolves=True))
    made.early_header_mutation_extensions.append(early("caller", _names_caller()))
    lookup = [HttpFilter(name=_DNS_FILTER, typed_config=pack(DynamicForwardProxy(dns_cache_config=dns_cache())))]
    del made.http_filters[:]
    made.http_filters.extend([_clusters_on_demand(), *(lookup if resolves else []), ROUTER])
    chain = _chain(_http(made, OUTBOUND), None)
    listener = _listener(OUTBOUND, _pipe(socket), [chain])
    listener.listener_filters.append(
        ListenerFilter(name="envoy.filters.listener.proxy_protocol", typed_config=pack(ProxyProtocol()))
    )
    return resource(OUTBOUND, listener, refers_to=(OUTBOUND,))


def inbound_listener(socket: Path) -> Resource:
    """Where filters are that rules may ask for, each inert until a route of the rule says otherwise."""
    made = managers.inner_manager(INBOUND)
    made.local_reply_config.CopyFrom(local_replies(inbound=True))
    del made.http_filters[:]
    made.http_filters.extend([*_inert_filters(), ROUTER])
    return resource(
        INBOUND, _listener(INBOUND, _pipe(socket), [_chain(_http(made, INBOUND), None)]), refers_to=(INBOUND,)
    )


def gate_listener(gate: Gate) -> Resource:
    """Its routes are its own: it changes with nothing but the gate."""
    made = managers.inner_manager("gate")
    made.local_reply_config.CopyFrom(gate_replies(too_many(gate)))
    made.route_config.CopyFrom(gate_routes(gate))
    del made.http_filters[:]
    made.http_filters.extend([*_filters(gate_filters(gate)), ROUTER])
    return resource(gate.name, _listener(gate.name, _pipe(gate.socket), [_chain(network_filter(made), None)]))


def breaking_listener(socket: Path) -> Resource:
    return resource(BREAKING, _listener(BREAKING, _pipe(socket), [_chain(faults.breaking_filter(), None)]))


def tunnel_listener(name: str, socket: Path, filter_: Filter) -> Resource:
    """Through the user's own HTTP proxy to a host outside."""
    return resource(name, _listener(name, _pipe(socket), [_chain(filter_, None)]), refers_to=(OUTSIDE,))


def _inert_filters() -> list[HttpFilter]:
    """In the order in which they see a request: who may not ask at all is told so before anything is counted."""
    return _filters(
        {
            protections.SOURCE_FILTER: protections.source_filter(),
            cors.FILTER: CorsFilter(),
            faults.FILTER: HTTPFault(),
            sessions.FILTER: StatefulSession(),
        }
    )


def _filters(configs: Mapping[str, Message]) -> list[HttpFilter]:
    return [HttpFilter(name=name, typed_config=pack(config)) for name, config in configs.items()]


def _pipe(socket: Path) -> EnvoyAddress:
    """For nobody but this user, and so for Envoy itself."""
    return EnvoyAddress(pipe=Pipe(path=str(socket), mode=0o600))


def _http(made: HttpConnectionManager, routes: str) -> Filter:
    made.rds.route_config_name = routes
    return network_filter(made)


def _tcp(cluster: str) -> Filter:
    proxy = TcpProxy(
        stat_prefix="tcp",
        cluster=cluster,
        idle_timeout=Duration(),  # none: pools keep idle connections to databases for days
        max_connect_attempts=UInt32Value(value=3),
    )
    return Filter(name="envoy.filters.network.tcp_proxy", typed_config=pack(proxy))


def _chain(filter_: Filter, source: str | None, name: str = "") -> FilterChain:
    """For connections from `source` only; None: from anywhere."""
    chain = FilterChain(name=name, filters=[filter_])
    if source is not None:
        network = parse_range(source)
        chain.filter_chain_match.source_prefix_ranges.add(
            address_prefix=str(network.network_address), prefix_len=UInt32Value(value=network.prefixlen)
        )
    return chain


def _single(name: str, filter_: Filter, refers_to: str, bind: Address, source: str | None) -> Resource:
    return _at(bind, _listener(name, socket_address(bind), [_chain(filter_, source, name)]), (refers_to,))


def _at(bind: Address, message: Listener, refers_to: tuple[str, ...]) -> Resource:
    sources = tuple(_source(chain) for chain in message.filter_chains)
    return resource(message.name, message, refers_to=refers_to, address=bind, sources=sources)


def _source(chain: FilterChain) -> str:
    ranges = chain.filter_chain_match.source_prefix_ranges
    return f"{ranges[0].address_prefix}/{ranges[0].prefix_len.value}" if ranges else ANYWHERE


def _names_caller() -> HeaderMutation:
    """Before the route is chosen, by it: the port at which the connection came in."""
    header = HeaderValueOption(
        header=HeaderValue(key=CALLER_HEADER, value="%DOWNSTREAM_LOCAL_PORT%"),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    return HeaderMutation(append=header)


def _clusters_on_demand() -> HttpFilter:
    """Few calls are undeclared, so their clusters are fetched by the first call."""
    config = OnDemand(odcds=OnDemandCds(source=ads(), timeout=Duration(seconds=5)))
    return HttpFilter(name="envoy.filters.http.on_demand", typed_config=pack(config))


def _listener(name: str, address: EnvoyAddress, chains: Sequence[FilterChain]) -> Listener:
    return Listener(
        name=name,
        address=address,
        filter_chains=chains,
        # The supervisor holds each port bound, shareable within this user, until the proxy listens there.
        enable_reuse_port=BoolValue(value=True),
    )
