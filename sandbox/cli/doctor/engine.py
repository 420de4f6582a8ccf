"""Whether a Docker engine answers. Asked over its Unix socket directly, without the 0.3 s of importing its library."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.cli.doctor.tool import Tool

_PATIENCE = 3.0  # seconds


def docker_engine(environment: Mapping[str, str] = os.environ) -> Tool:
    if (host := environment.get("DOCKER_HOST", "")) and not host.startswith("unix://"):
        return Tool(problem=f"DOCKER_HOST={host} is not on this machine")
    problem = "none runs"
    for address in _sockets(environment):
        try:
            return Tool(version=_version(address))
        except (FileNotFoundError, ConnectionRefusedError):
            continue
        except PermissionError:
            problem = f"this user may not talk to {address}"
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
            problem = f"{address} gives no sensible answer"
    return Tool(problem=problem)


def _sockets(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where engines listen: as the user says, else system-wide, rootless, and Docker Desktop's."""
    if host := environment.get("DOCKER_HOST"):
        yield Path(host.removeprefix("unix://"))
        return
    yield Path("/var/run/docker.sock")
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "docker.sock"
    yield Path(environment.get("HOME", "/")) / ".docker" / "run" / "docker.sock"


def _version(address: Path) -> str:
    connection = http.client.HTTPConnection("docker", timeout=_PATIENCE)
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(_PATIENCE)
        connected.connect(str(address))
        connection.sock = connected
        connection.request("GET", "/version")
        answer = json.loads(connection.getresponse().read())
    return str(answer["Version"])
