"""What Envoy says when it answers in a service's stead: one plain sentence and a next step."""

from __future__ import annotations

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLogFilter, ResponseFlagFilter
from envoy.config.core.v3.base_pb2 import DataSource, HeaderValue, HeaderValueOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    LocalReplyConfig,
    ResponseMapper,
)

REASON_HEADER = "x-sandbox-reason"
"""Carries Envoy's response flags, so that scripts can tell a proxy's answer from a service's."""

_WHO = "%METADATA(CLUSTER:sandbox:label)%"
_LOGS = "Try: sandbox logs %METADATA(CLUSTER:sandbox:service)%"

# Envoy's response flags: the first entry that holds one of the flags of the request speaks. Each costs 1.5 KB in every
# listener.
_SENTENCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("UH",), f"{_WHO} has no ready instance. Try: sandbox ps"),
    (("UT", "SI"), f"{_WHO} took longer than its time limit. {_LOGS}"),
    (("UF", "UC", "UR", "LR", "UPE"), f"{_WHO} refused the connection or broke off before it had answered. {_LOGS}"),
)
_RULE = "%METADATA(ROUTE:sandbox:rule)%"
_SEE = "Try: sandbox traffic get %METADATA(ROUTE:sandbox:service)%"
# Of the one listener where rules have filters.
_FILTERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("RL",), f"too many requests: %METADATA(ROUTE:sandbox:limit)%. {_SEE}"),
    (("FI", "DI"), f"a fault in {_RULE} answered. {_SEE}"),
    (("UO",), f"{_WHO} has as many requests under way as its concurrency allows. {_SEE}"),
)
_NO_SUCH_HOST = (("DF",), "%REQ(:AUTHORITY)% is not a service of this project, and no host of that name was found")


def local_replies(*, resolves: bool = False, inbound: bool = False) -> LocalReplyConfig:
    """`resolves`: for a listener that looks up hosts outside. `inbound`: for the one with the rules' filters."""
    sentences = (*((_NO_SUCH_HOST,) if resolves else ()), *(_FILTERS if inbound else ()), *_SENTENCES)
    return LocalReplyConfig(mappers=[_mapper(flags, f"sandbox: {text}\n") for flags, text in sentences])


def _mapper(flags: tuple[str, ...], text: str) -> ResponseMapper:
    return ResponseMapper(
        filter=AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=flags)),
        headers_to_add=[_reason()],
        body_format_override=SubstitutionFormatString(text_format_source=DataSource(inline_string=text)),
    )


def _reason() -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=REASON_HEADER, value="%RESPONSE_FLAGS%"),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
