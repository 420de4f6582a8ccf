"""HTTP connection managers: what all listeners that read HTTP have in common. Pure."""

from __future__ import annotations

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    Rds,
    RequestIDExtension,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from sandbox.proxy.accesslog import access_log
from sandbox.proxy.outcomes import BY_CHAIN, outcomes
from sandbox.proxy.replies import local_replies
from sandbox.proxy.resource import pack
from sandbox.proxy.tracing import honours_callers, tracing
from sandbox.proxy.upstreams import MAX_HEADERS, MAX_HEADERS_KB, ads, keep_case

ROUTER = HttpFilter(name="envoy.filters.http.router", typed_config=pack(Router(suppress_envoy_headers=True)))
UpgradeConfig = HttpConnectionManager.UpgradeConfig

_STREAM_IDLE = Duration(seconds=4 * 3600)


def manager(stat_prefix: str, caller: str = BY_CHAIN) -> HttpConnectionManager:
    """caller: by what requests tell who sent them."""
    made = HttpConnectionManager()
    made.CopyFrom(_TEMPLATE)
    made.access_log.append(outcomes(caller))
    made.stat_prefix = stat_prefix
    return made


def inner_manager(stat_prefix: str) -> HttpConnectionManager:
    """Of a listener behind others: its requests are told and counted where the caller came in."""
    made = manager(stat_prefix)
    made.ClearField("tracing")
    made.ClearField("access_log")
    made.ClearField("early_header_mutation_extensions")
    return made


def network_filter(made: HttpConnectionManager) -> Filter:
    return Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(made))


def early(name: str, *mutations: HeaderMutation) -> TypedExtensionConfig:
    """Before the route is chosen."""
    return TypedExtensionConfig(name=name, typed_config=pack(EarlyHeaderMutation(mutations=mutations)))


def _template() -> HttpConnectionManager:
    """What services see is what was sent: case of headers, path, host, request id, Server header."""
    keep_request_id = UuidRequestIdConfig(
        pack_trace_reason=BoolValue(value=False), use_request_id_for_trace_sampling=BoolValue(value=True)
    )
    return HttpConnectionManager(
        rds=Rds(config_source=ads()),
        http_filters=[ROUTER],
        upgrade_configs=[UpgradeConfig(upgrade_type="websocket")],
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
        tracing=tracing(),
        access_log=[access_log()],
        early_header_mutation_extensions=[early("trace", *honours_callers())],
    )


_TEMPLATE = _template()
