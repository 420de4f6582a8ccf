"""Whether a Docker engine answers. Asked over its Unix socket directly, without the 0.3 s of importing its library."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from sandbox.cli.doctor.tool import Tool
from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.endpoint import DEFAULT, find, ping

_PATIENCE = 3.0  # seconds


def docker_engine(environment: Mapping[str, str] = os.environ) -> Tool:
    """The one that `up` would use."""
    endpoint = find(environment)
    try:
        asyncio.run(ping(endpoint))
    except RuntimeFailure as failure:
        absent = endpoint.url == f"unix://{DEFAULT}" and not DEFAULT.exists()
        return Tool(problem=failure.message, fix=failure.hint, absent=absent)
    socket_path = endpoint.socket
    assert socket_path is not None  # `ping` refuses others
    try:
        return Tool(version=_version(socket_path))
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return Tool(problem=f"{socket_path} gives no sensible answer")


def _version(address: Path) -> str:
    connection = http.client.HTTPConnection("docker", timeout=_PATIENCE)
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(_PATIENCE)
        connected.connect(str(address))
        connection.sock = connected
        connection.request("GET", "/version")
        answer = json.loads(connection.getresponse().read())
    return str(answer["Version"])
