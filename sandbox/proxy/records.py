"""Envoy's access log messages -> records of requests. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from envoy.config.core.v3.address_pb2 import Address
from envoy.config.core.v3.base_pb2 import RequestMethod
from envoy.data.accesslog.v3.accesslog_pb2 import AccessLogCommon, HTTPAccessLogEntry, ResponseFlags
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from google.protobuf.message import DecodeError

from sandbox.model.flags import joined_flags
from sandbox.model.records import RequestRecord
from sandbox.proxy.replies import REASON_HEADER

_FLAGS = {
    "failed_local_healthcheck": "LH",
    "no_healthy_upstream": "UH",
    "upstream_request_timeout": "UT",
    "local_reset": "LR",
    "upstream_remote_reset": "UR",
    "upstream_connection_failure": "UF",
    "upstream_connection_termination": "UC",
    "upstream_overflow": "UO",
    "no_route_found": "NR",
    "delay_injected": "DI",
    "fault_injected": "FI",
    "rate_limited": "RL",
    "rate_limit_service_error": "RLSE",
    "downstream_connection_termination": "DC",
    "upstream_retry_limit_exceeded": "URX",
    "stream_idle_timeout": "SI",
    "invalid_envoy_request_headers": "IH",
    "downstream_protocol_error": "DPE",
    "upstream_max_stream_duration_reached": "UMSDR",
    "no_filter_config_found": "NFCF",
    "duration_timeout": "DT",
    "upstream_protocol_error": "UPE",
    "no_cluster_found": "NC",
    "overload_manager": "OM",
    "dns_resolution_failure": "DF",
}
"""Envoy's names for the flags -> their short forms, as in its formatted logs."""


def read_records(body: bytes) -> tuple[RequestRecord, ...]:
    """Of one message of Envoy's access log service. ValueError when it is none."""
    message = StreamAccessLogsMessage()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise ValueError(f"this is no access log: {error}") from error
    return tuple(_record(entry) for entry in message.http_logs.log_entry)


def _record(entry: HTTPAccessLogEntry) -> RequestRecord:
    common, request = entry.common_properties, entry.request
    headers, answered = dict(request.request_headers), entry.response.response_headers
    agent = {"user-agent": request.user_agent} if request.user_agent else {}
    return RequestRecord(
        at=common.start_time.ToNanoseconds() / 1e9,
        duration=_duration(common),
        method=RequestMethod.Name(request.request_method) if request.request_method else "",
        host=request.authority,
        path=request.original_path or request.path,
        status=entry.response.response_code.value,
        flags=joined_flags(",".join(_flags(common.response_flags)), answered.get(REASON_HEADER, "")),
        cluster=common.upstream_cluster,
        upstream=_address(common.upstream_remote_address),
        rule=common.route_name,
        attempts=common.upstream_request_attempt_count,
        traceparent=headers.pop("traceparent", ""),
        headers={**agent, **headers},
    )


def _duration(common: AccessLogCommon) -> float:
    whole = common.duration if common.HasField("duration") else common.time_to_last_downstream_tx_byte
    return float(whole.ToNanoseconds() / 1e9)


def _flags(flags: ResponseFlags) -> Iterator[str]:
    for name, short in _FLAGS.items():
        if getattr(flags, name, False):
            yield short
    if flags.HasField("unauthorized_details"):
        yield "UAEX"


def _address(address: Address) -> str:
    socket = address.socket_address
    return f"{socket.address}:{socket.port_value}" if socket.port_value else address.pipe.path
