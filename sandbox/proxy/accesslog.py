"""Records of single requests: of those that failed or were slow and are in no trace, and of as many others as are asked
for. Pure.

By Envoy's own access log service: formats of our own would cost 9 KB in each listener, this costs 2.
"""

from __future__ import annotations

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    DurationFilter,
    HeaderFilter,
    OrFilter,
    RuntimeFilter,
    StatusCodeFilter,
)
from envoy.config.core.v3.base_pb2 import RuntimeUInt32
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.duration_pb2 import Duration

from sandbox.proxy.replies import REASON_HEADER
from sandbox.proxy.resource import pack
from sandbox.proxy.tracing import MILLION, SLOW_AFTER, SLOW_MS, TAP, TROUBLE, reports

HEADERS = ("traceparent", "user-agent", "content-type", "x-canary", "x-version", "x-user", "x-tenant")
"""Which of a request's headers are told, besides its host: what rules use to choose, and no secrets."""

_FIRST_FAILURE = 500
_FLUSH = Duration(nanos=200_000_000)


def access_log() -> AccessLog:
    common = CommonGrpcAccessLogConfig(
        log_name="requests",
        grpc_service=reports(),
        transport_api_version=ApiVersion.V3,
        buffer_flush_interval=_FLUSH,
    )
    config = HttpGrpcAccessLogConfig(
        common_config=common,
        additional_request_headers_to_log=HEADERS,
        additional_response_headers_to_log=(REASON_HEADER,),
    )
    wanted = AccessLogFilter(or_filter=OrFilter(filters=[_drawn(TAP, 0), _trouble()]))
    return AccessLog(name="envoy.access_loggers.http_grpc", filter=wanted, typed_config=pack(config))


def _trouble() -> AccessLogFilter:
    """What failed, broke off or was slow, and is in no trace."""
    failed = StatusCodeFilter(comparison=_compare(ComparisonFilter.GE, _FIRST_FAILURE, "sandbox.failed_from"))
    broken = StatusCodeFilter(comparison=_compare(ComparisonFilter.LE, 0, "sandbox.broken_to"))
    slow = DurationFilter(comparison=_compare(ComparisonFilter.GE, SLOW_MS, SLOW_AFTER))
    kinds = [
        AccessLogFilter(status_code_filter=failed),
        AccessLogFilter(status_code_filter=broken),
        AccessLogFilter(duration_filter=slow),
    ]
    either = AccessLogFilter(or_filter=OrFilter(filters=kinds))
    return AccessLogFilter(and_filter=AndFilter(filters=[either, _drawn(TROUBLE, MILLION), _not_traced()]))


def _not_traced() -> AccessLogFilter:
    traced = HeaderMatcher(name="traceparent", string_match=StringMatcher(suffix="-01"), invert_match=True)
    return AccessLogFilter(header_filter=HeaderFilter(header=traced))


def _drawn(key: str, of_a_million: int) -> AccessLogFilter:
    share = FractionalPercent(numerator=of_a_million, denominator=FractionalPercent.MILLION)
    return AccessLogFilter(
        runtime_filter=RuntimeFilter(runtime_key=key, percent_sampled=share, use_independent_randomness=True)
    )


def _compare(op: ComparisonFilter.Op.ValueType, value: int, key: str) -> ComparisonFilter:
    return ComparisonFilter(op=op, value=RuntimeUInt32(default_value=value, runtime_key=key))
