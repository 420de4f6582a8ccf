"""What Envoy says when it answers in a service's stead: one plain sentence and a next step."""

from __future__ import annotations

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLogFilter,
    ComparisonFilter,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from envoy.config.core.v3.base_pb2 import DataSource, RuntimeUInt32
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    LocalReplyConfig,
    ResponseMapper,
)

from sandbox.proxy.values import formatted_header

REASON_HEADER = "x-sandbox-reason"
"""Carries Envoy's response flags, so that scripts can tell a proxy's answer from a service's."""

_WHO = "%METADATA(CLUSTER:sandbox:label)%"
_LOGS = "Try: sandbox logs %METADATA(CLUSTER:sandbox:service)%"

# Envoy's response flags: the first entry that holds one of the flags of the request speaks. Each costs 1.5 KB in every
# listener.
_SENTENCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("UH",), f"{_WHO} has no ready instance. Try: sandbox why %METADATA(CLUSTER:sandbox:service)%"),
    (("UT", "SI"), f"{_WHO} took longer than its time limit. {_LOGS}"),
    (("UF", "UC", "UR", "LR", "UPE"), f"{_WHO} refused the connection or broke off before it had answered. {_LOGS}"),
)
_RULE = "%METADATA(ROUTE:sandbox:rule)%"
_SEE = "Try: sandbox traffic get %METADATA(ROUTE:sandbox:service)%"
# Of the one listener where rules have filters.
_FILTERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("FI", "DI"), f"a fault in {_RULE} answered. {_SEE}"),
    (("UO",), f"{_WHO} has as many requests under way as its concurrency allows. {_SEE}"),
)
_NO_SUCH_HOST = (("DF",), "%REQ(:AUTHORITY)% is not a service of this project, and no host of that name was found")


def local_replies(*, resolves: bool = False, inbound: bool = False) -> LocalReplyConfig:
    """`resolves`: for a listener that looks up hosts outside. `inbound`: for the one with the rules' filters."""
    sentences = (*((_NO_SUCH_HOST,) if resolves else ()), *(_FILTERS if inbound else ()), *_SENTENCES)
    return LocalReplyConfig(mappers=[_mapper(_flagged(flags), f"sandbox: {text}\n") for flags, text in sentences])


def gate_replies(too_many: str) -> LocalReplyConfig:
    """Of a listener that counts. `too_many`: what is said of requests beyond the rate, in Envoy's format."""
    replies = local_replies(inbound=True)
    if too_many:
        replies.mappers.append(_mapper(_limited(), f"sandbox: too many requests: {too_many}\n", reason="RL"))
    return replies


def _mapper(fits: AccessLogFilter, text: str, reason: str = "%RESPONSE_FLAGS%") -> ResponseMapper:
    return ResponseMapper(
        filter=fits,
        headers_to_add=[formatted_header(REASON_HEADER, reason)],
        body_format_override=SubstitutionFormatString(text_format_source=DataSource(inline_string=text)),
    )


def _flagged(flags: tuple[str, ...]) -> AccessLogFilter:
    return AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=flags))


def _limited() -> AccessLogFilter:
    """Envoy sets the flag of a rate limit only after it has answered."""
    value = RuntimeUInt32(default_value=429, runtime_key="sandbox.limited")
    comparison = ComparisonFilter(op=ComparisonFilter.EQ, value=value)
    return AccessLogFilter(status_code_filter=StatusCodeFilter(comparison=comparison))
