"""Where the proxy accepts connections -> Listeners. Pure.

A listener never changes while it serves, for that would close its connections: whatever varies is in its routes.
"""

from __future__ import annotations

from pathlib import Path

from envoy.config.core.v3.address_pb2 import Address as EnvoyAddress
from envoy.config.core.v3.address_pb2 import Pipe
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import (
    FilterConfig as DynamicForwardProxy,
)
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    Rds,
    RequestIDExtension,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from sandbox.proxy.clusters import MAX_HEADERS, MAX_HEADERS_KB, ads, dns_cache, keep_case
from sandbox.proxy.endpoints import socket_address
from sandbox.proxy.names import OUTBOUND
from sandbox.proxy.replies import local_replies
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.topology import Address

_STREAM_IDLE = Duration(seconds=4 * 3600)
_ROUTER = HttpFilter(name="envoy.filters.http.router", typed_config=pack(Router(suppress_envoy_headers=True)))
_UpgradeConfig = HttpConnectionManager.UpgradeConfig


def gateway_listener(routes: str, bind: Address) -> Resource:
    """For requests from outside: what they say in x-envoy- headers is dropped."""
    manager = _manager("gateway")
    manager.use_remote_address.value = True
    return _http(routes, routes, socket_address(bind), manager, bind)


def edge_listener(name: str, bind: Address) -> Resource:
    return _http(name, name, socket_address(bind), _manager("edge"), bind)


def proxy_listener(name: str, bind: Address) -> Resource:
    """A caller's HTTP proxy: absolute-form requests, and CONNECT."""
    return _http(name, name, socket_address(bind), _proxy_manager("proxy"), bind)


def outbound_listener(socket: Path, *, resolves: bool) -> Resource:
    """Where the callers' HTTP proxies hand on. `resolves`: hosts outside are looked up here, not by a parent proxy."""
    manager = _proxy_manager(OUTBOUND)
    if resolves:
        lookup = pack(DynamicForwardProxy(dns_cache_config=dns_cache()))
        manager.http_filters.insert(0, HttpFilter(name="envoy.filters.http.dynamic_forward_proxy", typed_config=lookup))
    return _http(OUTBOUND, OUTBOUND, EnvoyAddress(pipe=Pipe(path=str(socket), mode=0o600)), manager, None)


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


def _http(
    name: str, routes: str, address: EnvoyAddress, manager: HttpConnectionManager, bind: Address | None
) -> Resource:
    manager.rds.route_config_name = routes
    filter_ = Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))
    return resource(name, _listener(name, address, filter_), refers_to=(routes,), address=bind)


def _listener(name: str, address: EnvoyAddress, filter_: Filter) -> Listener:
    return Listener(
        name=name,
        address=address,
        filter_chains=[FilterChain(filters=[filter_])],
        # With it, the kernel would let two proxies share a port, each getting some of the connections.
        enable_reuse_port=BoolValue(value=False),
    )


def _manager(stat_prefix: str) -> HttpConnectionManager:
    manager = HttpConnectionManager()
    manager.CopyFrom(_TEMPLATE)
    manager.stat_prefix = stat_prefix
    return manager


def _proxy_manager(stat_prefix: str) -> HttpConnectionManager:
    manager = _manager(stat_prefix)
    manager.upgrade_configs.append(_UpgradeConfig(upgrade_type="CONNECT"))
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
