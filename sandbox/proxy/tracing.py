"""Spans and records of requests out of Envoy: what of it stands in listeners, and what moves by runtime. Pure.

A listener never changes while it serves, so all of this is in it from the start, and how much of it happens is said by
runtime keys, which Envoy fetches like routes (RTDS).

Envoy draws by `x-request-id` which requests it traces, whatever a caller has decided already: a trace that a caller
began would lose its inner hops. So a request with a `traceparent` forces a trace (`x-client-trace-id`, which goes no
further), and Envoy then does as its sampled flag says.
"""

from __future__ import annotations

from collections.abc import Mapping

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.trace.v3.http_tracer_pb2 import Tracing
from envoy.config.trace.v3.opentelemetry_pb2 import OpenTelemetryConfig
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.service.runtime.v3.rtds_pb2 import Runtime
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue

from sandbox.proxy.names import RUNTIME, TELEMETRY
from sandbox.proxy.replies import REASON_HEADER
from sandbox.proxy.resource import Resource, pack, resource

FORCED = "x-client-trace-id"
"""What makes Envoy ask a request's own flag. Routes remove it."""

TRACES, TAP, TROUBLE = "tracing.random_sampling", "sandbox.tap", "sandbox.trouble"
"""Runtime keys: which share of requests is traced, told of, and told of among those that failed or were slow."""

SLOW_AFTER = "sandbox.slow_ms"
"""Runtime key: milliseconds from which on a request is slow."""

SLOW_MS = 1000
UNTRACED: Mapping[str, float] = {TRACES: 0.0, TAP: 0.0, TROUBLE: 0.0}
"""What holds until somebody wants to hear of requests."""

MILLION = 1_000_000
_TRACER_DRAWS = 10_000
_NEVER = Percent(value=0)
_B3 = ("x-b3-traceid", "x-b3-spanid", "b3")
_B3_SAMPLED = "request.headers['x-b3-sampled'] == '1' || request.headers['b3'].endsWith('-1')"
"""https://github.com/openzipkin/b3-propagation. Each word more costs every listener a kilobyte; what is missing has no
value, and then the whole has none."""


def reports() -> GrpcService:
    """How Envoy sends spans and records."""
    service = GrpcService(timeout=Duration(seconds=5))
    service.envoy_grpc.cluster_name = TELEMETRY
    return service


def tracing() -> HttpConnectionManager.Tracing:
    """A span for each request and one for each attempt at an instance; none until the runtime says how many."""
    provider = Tracing.Http(name="envoy.tracers.opentelemetry")
    provider.typed_config.CopyFrom(pack(OpenTelemetryConfig(grpc_service=reports(), service_name="envoy")))
    return HttpConnectionManager.Tracing(
        random_sampling=_NEVER,
        spawn_upstream_span=BoolValue(value=True),
        custom_tags=[
            CustomTag(tag="rule", value="%ROUTE_NAME%"),
            CustomTag(tag="inbound_flags", value=f"%RESP({REASON_HEADER}):40%"),
            *(_header_tag(name) for name in _B3),
        ],
        provider=provider,
    )


def honours_callers() -> tuple[HeaderMutation, ...]:
    """Before a request is drawn or not. Of B3's flags only "sampled" says something: its callers' other requests are
    drawn as everybody's."""
    return (
        _forced("%REQ(TRACEPARENT)%", HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD),
        _forced(f"%CEL(({_B3_SAMPLED}) ? 'b3' : '')%", HeaderValueOption.ADD_IF_ABSENT),
    )


def _forced(value: str, how: HeaderValueOption.HeaderAppendAction.ValueType) -> HeaderMutation:
    return HeaderMutation(append=HeaderValueOption(header=HeaderValue(key=FORCED, value=value), append_action=how))


def runtime(shares: Mapping[str, float], slow_ms: int) -> Resource:
    """`shares` by key, from 0 to 1."""
    layer = Struct()
    for key, share in shares.items():
        bounded = min(max(share, 0.0), 1.0)
        if key == TRACES:  # what Envoy draws by is a number below 10,000, whatever the denominator
            layer[key] = {"numerator": round(bounded * _TRACER_DRAWS), "denominator": "TEN_THOUSAND"}
        else:  # filters of logs read a plain number and know their denominator
            layer[key] = round(bounded * MILLION)
    layer[SLOW_AFTER] = slow_ms
    return resource(RUNTIME, Runtime(name=RUNTIME, layer=layer))


def _header_tag(name: str) -> CustomTag:
    return CustomTag(tag=name, request_header=CustomTag.Header(name=name))
