"""The one way into the network of an Envoy in a container: a listener that asks for a token.

With it come GET requests to Envoy's admin interface, and HTTP/1.1 CONNECT to the address of an instance, which is
answered with 200 once that instance has accepted the connection and with 503 when it does not. Anything else is 403.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.proxy.bearer import HEADER, Guarded
from sandbox.proxy.topology import Address

ADMIN, INSTANCES = "admin", "instances"
"""The clusters behind the door."""

_TYPE = "type.googleapis.com/envoy.extensions.filters"
_CONNECT_TIMEOUT = "2s"
_REFUSED = {"status": 403, "body": {"inline_string": "sandbox: this needs the proxy's token\n"}}


def door_listener(door: Guarded, admin_paths: Sequence[str]) -> dict[str, Any]:
    """As JSON data of Envoy's bootstrap."""
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "door",
        "codec_type": "HTTP1",
        "upgrade_configs": [{"upgrade_type": "CONNECT"}],
        "route_config": {
            "virtual_hosts": [{"name": "door", "domains": ["*"], "routes": _routes(door, admin_paths)}],
            "request_headers_to_remove": [HEADER],
        },
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"}}
        ],
    }
    filter_ = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    bind = {"address": door.address.host, "port_value": door.address.port}
    return {
        "name": "door",
        "address": {"socket_address": bind},
        "filter_chains": [{"filters": [filter_]}],
    }


def door_clusters(admin_socket: Path) -> list[dict[str, Any]]:
    admin = {"endpoint": {"address": {"pipe": {"path": str(admin_socket)}}}}
    return [
        {
            "name": ADMIN,
            "type": "STATIC",
            "connect_timeout": _CONNECT_TIMEOUT,
            "load_assignment": {"cluster_name": ADMIN, "endpoints": [{"lb_endpoints": [admin]}]},
        },
        {
            "name": INSTANCES,
            "type": "ORIGINAL_DST",
            "connect_timeout": _CONNECT_TIMEOUT,
            "lb_policy": "CLUSTER_PROVIDED",
            "original_dst_lb_config": {"use_http_header": True, "http_header_name": ":authority"},
        },
    ]


class DoorClosedError(ConnectionError):
    """The door does not answer, or not to us: nothing is known of the instance behind it."""


async def dial(door: Address, token: str, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to an instance by its IP address. ConnectionRefusedError when the instance is not reachable,
    DoorClosedError when the door is not."""
    try:
        reader, writer = await asyncio.open_connection(door.host, door.port)
    except OSError as error:
        raise DoorClosedError(f"the proxy does not answer at {door}: {error.strerror or error}") from error
    try:
        writer.write(_request(Guarded(door, token), f"{host}:{port}"))
        _judge(await _status(reader), f"{host}:{port}")
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


def _routes(door: Guarded, admin_paths: Sequence[str]) -> list[dict[str, Any]]:
    token = {"name": HEADER, "string_match": {"exact": door.credentials}}
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    tunnel = {"upgrade_type": "CONNECT", "connect_config": {}}
    return [
        {
            "match": {"connect_matcher": {}, "headers": [token]},
            "route": {"cluster": INSTANCES, "timeout": "0s", "upgrade_configs": [tunnel]},
        },
        *({"match": {"path": path, "headers": [token, get]}, "route": {"cluster": ADMIN}} for path in admin_paths),
        {"match": {"connect_matcher": {}}, "direct_response": _REFUSED},
        {"match": {"prefix": "/"}, "direct_response": _REFUSED},
    ]


def _request(door: Guarded, target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{HEADER}: {door.credentials}\r\n\r\n".encode()


async def _status(reader: asyncio.StreamReader) -> int:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(maxsplit=2)[1])
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError, ValueError) as error:
        raise DoorClosedError("the proxy broke off before it had answered") from error


def _judge(status: int, target: str) -> None:
    if status == 503:
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"{target} is not reachable")
    if status != 200:
        raise DoorClosedError(f"the proxy answered {status} instead of connecting to {target}")
