"""What became of requests, counted by Envoy as statistics -> access loggers. Pure.

A cluster's own statistics don't tell why a request failed, nor of requests that never reached a cluster (injected
faults, limits, authorization), nor who called what it does not declare. Loggers that write no log but count tell:

`outcome.n`  every request that ended otherwise than well (status ≥ 400, or any response flag), by cluster, status,
             flags, the inbound listener's flags, details. A good request costs the look at its status.
`outcome.t`  how long these took, in milliseconds, by flags: a cluster's own statistics leave out what Envoy gave up on.
`call.n`     every request to what its caller does not declare, hosts outside among them, by caller, host, status and
             number of attempts;
`call.t`     their durations in milliseconds;
`call.i`, `call.o`  the bytes sent there, and those that came back.
`route.n`    every request from outside, by the rule that chose where it went and its status;
`route.t`    their durations in milliseconds.

Names are `PREFIX.n.TAG.VALUE.TAG.VALUE…`, as `telemetry.stats` reads them. The details come last: they may hold dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    ComparisonFilter,
    ExtensionFilter,
    OrFilter,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from envoy.config.core.v3.base_pb2 import RuntimeUInt32
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from google.protobuf.struct_pb2 import Struct
from xds.type.v3.typed_struct_pb2 import TypedStruct

from sandbox.proxy.names import CALL, OUTCOME, ROUTE
from sandbox.proxy.replies import REASON_HEADER
from sandbox.proxy.resource import pack

BY_CHAIN = "%FILTER_CHAIN_NAME%"
"""Who calls, where each caller has a filter chain that is called like it."""
BY_PORT = "%DOWNSTREAM_LOCAL_PORT%"
"""Who calls, where each caller comes by a port of its own."""

_MOST_OUTCOMES = 5000
_MOST_CALLS = 2000
_LONGEST_HOST = 64
_CONFIG = "type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config"
_NOT_WELL = AccessLogFilter(
    or_filter=OrFilter(
        filters=[
            AccessLogFilter(
                status_code_filter=StatusCodeFilter(
                    comparison=ComparisonFilter(
                        op=ComparisonFilter.GE,
                        value=RuntimeUInt32(default_value=400, runtime_key="sandbox.outcomes_from"),
                    )
                )
            ),
            AccessLogFilter(response_flag_filter=ResponseFlagFilter()),
        ]
    )
)
_UNDECLARED = AccessLogFilter(
    extension_filter=ExtensionFilter(
        name="envoy.access_loggers.extension_filters.cel",
        typed_config=pack(ExpressionFilter(expression="!xds.cluster_name.startsWith('edge')")),
    )
)


def outcomes(caller: str = BY_CHAIN) -> AccessLog:
    tags = {
        "c": "%UPSTREAM_CLUSTER_RAW%",
        "r": "%RESPONSE_CODE%",
        "f": "%RESPONSE_FLAGS%",
        "x": f"%RESP({REASON_HEADER}):40%",
        "s": caller,
        "d": "%RESPONSE_CODE_DETAILS%",
    }
    given_up = {"f": "%RESPONSE_FLAGS%", "c": "%UPSTREAM_CLUSTER_RAW%", "s": caller}
    return _logger(
        OUTCOME, _MOST_OUTCOMES, _NOT_WELL, {"counters": [_counter(tags)], "histograms": [_durations(given_up)]}
    )


def calls(caller: str) -> AccessLog:
    tags = {"c": "%UPSTREAM_CLUSTER_RAW%", "s": caller, "h": f"%REQ(:AUTHORITY):{_LONGEST_HOST}%"}
    counters = [
        _counter({"r": "%RESPONSE_CODE%", "a": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", **tags}),
        _sum("i", "%UPSTREAM_WIRE_BYTES_SENT%", tags),
        _sum("o", "%UPSTREAM_WIRE_BYTES_RECEIVED%", tags),
    ]
    return _logger(CALL, _MOST_CALLS, _UNDECLARED, {"counters": counters, "histograms": [_durations(tags)]})


def routes() -> AccessLog:
    """Of the gateway."""
    tags = {"c": "%UPSTREAM_CLUSTER_RAW%", "d": "%ROUTE_NAME%"}
    counter = _counter({"r": "%RESPONSE_CODE%", **tags})
    return _logger(ROUTE, _MOST_OUTCOMES, None, {"counters": [counter], "histograms": [_durations(tags)]})


def _counter(tags: Mapping[str, str]) -> dict[str, Any]:
    return {"stat": {"name": "n", "tags": _tags(tags)}, "value_fixed": 1}


def _sum(name: str, value: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {"stat": {"name": name, "tags": _tags(tags)}, "value_format": value}


def _durations(tags: Mapping[str, str]) -> dict[str, Any]:
    return {"stat": {"name": "t", "tags": _tags(tags)}, "unit": "Milliseconds", "value_format": "%DURATION%"}


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value_format": value} for name, value in tags.items()]


def _logger(prefix: str, most: int, only: AccessLogFilter | None, counted: dict[str, Any]) -> AccessLog:
    """As a struct: the Python messages lack the scope, by which all listeners count together and within a limit."""
    scope: dict[str, Any] = {"prefix": prefix, "sharing_name": prefix, "max_counters": most, "max_histograms": most}
    value = Struct()
    value.update(dict[str, Any](stats_scope=scope, **counted))
    config = TypedStruct(type_url=_CONFIG, value=value)
    return AccessLog(name="envoy.access_loggers.stats", filter=only, typed_config=pack(config))
