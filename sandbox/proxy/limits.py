"""Rate limits -> token buckets. Pure.

A bucket belongs to the listener it stands in, so it holds for all callers only where all of them pass: at a gate.
"""

from __future__ import annotations

from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.config.route.v3.route_components_pb2 import RateLimit as Descriptors
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import DRAFT_VERSION_03, LocalRateLimitDescriptor
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor as Descriptor
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit
from envoy.type.v3.http_status_pb2 import HttpStatus
from envoy.type.v3.token_bucket_pb2 import TokenBucket
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from sandbox.model import LimitBy, RateLimit
from sandbox.proxy.replies import REASON_HEADER
from sandbox.proxy.values import duration, share
from sandbox.proxy.values import header as given

FILTER = "envoy.filters.http.local_ratelimit"
CALLER_HEADER = "x-sandbox-from"
"""The caller's name on the way to the inbound listener."""

MOST_BUCKETS = 10_000
"""Values of a header that have a bucket at the same time; the one that was used longest ago is forgotten first."""

_SHORTEST_FILL = 0.05  # seconds, Envoy's limit
_ALL = RuntimeFractionalPercent(default_value=share(100))


def bucket_filter(limit: RateLimit, name: str) -> LocalRateLimit:
    """`name`: what it is counted by."""
    bucket = _bucket(limit)
    made = LocalRateLimit(
        stat_prefix=name,
        status=HttpStatus(code=429),
        token_bucket=bucket,
        filter_enabled=_ALL,
        filter_enforced=_ALL,
        enable_x_ratelimit_headers=DRAFT_VERSION_03,
        always_consume_default_token_bucket=BoolValue(value=False),
        rate_limited_as_resource_exhausted=True,
        response_headers_to_add=[given(REASON_HEADER, "RL")],  # the filter sets no response flag
    )
    if header := told_apart_by(limit):
        key = "value"
        action = Descriptors.Action.RequestHeaders(header_name=header, descriptor_key=key)
        made.rate_limits.append(Descriptors(actions=[Descriptors.Action(request_headers=action)]))
        made.descriptors.append(LocalRateLimitDescriptor(entries=[Descriptor.Entry(key=key)], token_bucket=bucket))
        made.max_dynamic_descriptors.CopyFrom(UInt32Value(value=MOST_BUCKETS))
    return made


def told_apart_by(limit: RateLimit) -> str | None:
    """The header whose values have buckets of their own."""
    match limit.by:
        case LimitBy.ALL:
            return None
        case LimitBy.CALLER:
            return CALLER_HEADER
        case LimitBy.HEADER:
            return limit.header


def describe(limit: RateLimit) -> str:
    """`5 requests in 1 s of each caller`"""
    whose = {LimitBy.ALL: "", LimitBy.CALLER: " of each caller", LimitBy.HEADER: f" for each {limit.header}"}[limit.by]
    return f"{limit.requests} request{'s' if limit.requests != 1 else ''} in {limit.per:g} s{whose}"


def _bucket(limit: RateLimit) -> TokenBucket:
    times = max(1, -(-_SHORTEST_FILL // limit.per)) if limit.per < _SHORTEST_FILL else 1
    return TokenBucket(
        max_tokens=limit.burst or limit.requests,
        tokens_per_fill=UInt32Value(value=min(2**32 - 1, int(limit.requests * times))),
        fill_interval=duration(limit.per * times),
    )
