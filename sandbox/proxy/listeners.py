"""Where the proxy accepts connections -> Listeners. Pure.

A listener never changes while it serves, for that would close its connections: whatever varies is in its routes.
"""

from __future__ import annotations

from pathlib import Path

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.address_pb2 import Address as EnvoyAddress
from envoy.config.core.v3.address_pb2 import Pipe
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import (
    FilterConfig as DynamicForwardProxy,
)
from envoy.extensions.filters.http.on_demand.v3.on_demand_pb2 import OnDemand, OnDemandCds
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.listener.proxy_protocol.v3.proxy_protocol_pb2 import ProxyProtocol
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    Rds,
    RequestIDExtension,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from sandbox.proxy.clusters import MAX_HEADERS, MAX_HEADERS_KB, ads, dns_cache, keep_case
from sandbox.proxy.endpoints import socket_address
from sandbox.proxy.names import OUTBOUND
from sandbox.proxy.replies import local_replies
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.routes import CALLER_HEADER
from sandbox.proxy.topology import Address

_STREAM_IDLE = Duration(seconds=4 * 3600)
_ROUTER = HttpFilter(name="envoy.filters.http.router", typed_config=pack(Router(suppress_envoy_headers=True)))
_DNS_FILTER = "envoy.filters.http.dynamic_forward_proxy"
_UpgradeConfig = HttpConnectionManager.UpgradeConfig


def gateway_listener(routes: str, bind: Address) -> Resource:
    """For requests from outside: what they say in x-envoy- headers is dropped."""
    manager = _manager("gateway")
    manager.use_remote_address.value = True
    return _http(routes, manager, bind)


def edge_listener(name: str, bind: Address) -> Resource:
    return _http(name, _manager("edge"), bind)


def proxy_listener(name: str, bind: Address) -> Resource:
    """A caller's HTTP proxy. It only hands on: reading HTTP here too would cost each service 40 KB."""
    return tcp_listener(name, OUTBOUND, bind)


def outbound_listener(socket: Path, *, resolves: bool) -> Resource:
    """What all callers' HTTP proxies hand on: absolute-form requests, and CONNECT.

    The PROXY protocol says which proxy a connection came in by, and so who is calling. `resolves`: hosts outside are
    looked up here, not by a parent proxy.
    """
    manager = _manager(OUTBOUND)
    manager.upgrade_configs.append(_UpgradeConfig(upgrade_type="CONNECT"))
    manager.local_reply_config.CopyFrom(local_replies(resolves=True))
    manager.early_header_mutation_extensions.append(_names_caller())
    lookup = [HttpFilter(name=_DNS_FILTER, typed_config=pack(DynamicForwardProxy(dns_cache_config=dns_cache())))]
    del manager.http_filters[:]
    manager.http_filters.extend([_clusters_on_demand(), *(lookup if resolves else []), _ROUTER])
    manager.rds.route_config_name = OUTBOUND
    listener = _listener(OUTBOUND, EnvoyAddress(pipe=Pipe(path=str(socket), mode=0o600)), _http_filter(manager))
    listener.listener_filters.append(
        ListenerFilter(name="envoy.filters.listener.proxy_protocol", typed_config=pack(ProxyProtocol()))
    )
    return resource(OUTBOUND, listener, refers_to=(OUTBOUND,))


def tcp_listener(name: str, cluster: str, bind: Address) -> Resource:
    proxy = TcpProxy(
        stat_prefix="tcp",
        cluster=cluster,
        idle_timeout=Duration(),  # none: pools keep idle connections to databases for days
        max_connect_attempts=UInt32Value(value=3),
    )
    filter_ = Filter(name="envoy.filters.network.tcp_proxy", typed_config=pack(proxy))
    message = _listener(name, socket_address(bind), filter_)
    return resource(name, message, refers_to=(cluster,), address=bind)


def _http(name: str, manager: HttpConnectionManager, bind: Address) -> Resource:
    """Its routes are called like the listener."""
    manager.rds.route_config_name = name
    message = _listener(name, socket_address(bind), _http_filter(manager))
    return resource(name, message, refers_to=(name,), address=bind)


def _http_filter(manager: HttpConnectionManager) -> Filter:
    return Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))


def _names_caller() -> TypedExtensionConfig:
    """Before the route is chosen, by it: the port at which the connection came in."""
    header = HeaderValueOption(
        header=HeaderValue(key=CALLER_HEADER, value="%DOWNSTREAM_LOCAL_PORT%"),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    mutation = EarlyHeaderMutation(mutations=[HeaderMutation(append=header)])
    return TypedExtensionConfig(name="caller", typed_config=pack(mutation))


def _clusters_on_demand() -> HttpFilter:
    """Few calls are undeclared, so their clusters are fetched by the first call."""
    config = OnDemand(odcds=OnDemandCds(source=ads(), timeout=Duration(seconds=5)))
    return HttpFilter(name="envoy.filters.http.on_demand", typed_config=pack(config))


def _listener(name: str, address: EnvoyAddress, filter_: Filter) -> Listener:
    return Listener(
        name=name,
        address=address,
        filter_chains=[FilterChain(filters=[filter_])],
        # The supervisor holds each port bound, shareable within this user, until the proxy listens there.
        enable_reuse_port=BoolValue(value=True),
    )


def _manager(stat_prefix: str) -> HttpConnectionManager:
    manager = HttpConnectionManager()
    manager.CopyFrom(_TEMPLATE)
    manager.stat_prefix = stat_prefix
    return manager


def _template() -> HttpConnectionManager:
    """What services see is what was sent: case of headers, path, host, request id, Server header."""
    keep_request_id = UuidRequestIdConfig(
        pack_trace_reason=BoolValue(value=False), use_request_id_for_trace_sampling=BoolValue(value=False)
    )
    return HttpConnectionManager(
        rds=Rds(config_source=ads()),
        http_filters=[_ROUTER],
        upgrade_configs=[_UpgradeConfig(upgrade_type="websocket")],
        http_protocol_options=Http1ProtocolOptions(
            header_key_format=keep_case(), accept_http_10=True, default_host_for_http_10="localhost"
        ),
        http2_protocol_options=Http2ProtocolOptions(allow_connect=True),
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=_STREAM_IDLE, max_headers_count=UInt32Value(value=MAX_HEADERS)
        ),
        max_request_headers_kb=UInt32Value(value=MAX_HEADERS_KB),
        stream_idle_timeout=_STREAM_IDLE,
        server_header_transformation=HttpConnectionManager.PASS_THROUGH,
        use_remote_address=BoolValue(value=False),
        skip_xff_append=True,
        preserve_external_request_id=True,
        request_id_extension=RequestIDExtension(typed_config=pack(keep_request_id)),
        local_reply_config=local_replies(),
    )


_TEMPLATE = _template()
