"""Where the engine is: which socket, and whether it can be used. No library is imported for that."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import RuntimeFailure

DEFAULT = Path("/var/run/docker.sock")

_VARIABLE = "DOCKER_HOST"

_PATIENCE = 3.0
"""Seconds an engine may take to say that it is there."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    url: str
    origin: str  # who named it, for people: "DOCKER_HOST", "the context desktop", "the default socket"

    @property
    def socket(self) -> Path | None:
        """None for an engine that is not behind a Unix socket."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def find(environ: Mapping[str, str]) -> Endpoint:
    """As the docker command finds it (DOCKER_HOST, DOCKER_CONTEXT, the current context, the default socket), then the
    sockets of engines that run for a user alone, Podman's among them."""
    if host := environ.get(_VARIABLE):
        return Endpoint(host, _VARIABLE)
    if (context := _context(environ)) is not None:
        return context
    for socket, origin in _sockets(environ):
        if socket.exists():
            return Endpoint(f"unix://{socket}", origin)
    return Endpoint(f"unix://{DEFAULT}", "the default socket")


async def ping(endpoint: Endpoint) -> None:
    """RuntimeFailure with a reason and a next step when no engine answers there."""
    socket = endpoint.socket
    if socket is None:
        raise RuntimeFailure(
            f"{endpoint.origin} names an engine on another machine ({endpoint.url}), whose containers can't be reached",
            place="docker",
            hint="unset DOCKER_HOST, or choose a context on this machine: docker context use default",
        )
    try:
        async with asyncio.timeout(_PATIENCE):
            answer = await _ask(socket)
    except TimeoutError:
        raise RuntimeFailure(
            f"the engine at {socket} does not answer within {_PATIENCE:g} s",
            place="docker",
            hint="restart it, such as: sudo systemctl restart docker",
        ) from None
    except OSError as error:
        raise _unreachable(endpoint, socket, error) from None
    if b" 200 " not in answer:
        raise RuntimeFailure(f"what listens at {socket} is no Docker engine", place="docker", hint=f"check {_VARIABLE}")


def _unreachable(endpoint: Endpoint, socket: Path, error: OSError) -> RuntimeFailure:
    match error:
        case PermissionError():
            what = f"you may not use {socket}"
            hint = "join its group (sudo usermod -aG docker $USER, then log in again), or use a rootless engine"
        case FileNotFoundError():
            what, hint = f"there is no engine at {socket}", "install Docker or Podman, or start it"
        case ConnectionRefusedError():
            what, hint = f"no engine runs behind {socket}", "start it, such as: sudo systemctl start docker"
        case _:
            what, hint = f"{socket}: {error.strerror or error}", "see: docker info"
    if endpoint.origin == _VARIABLE:
        hint = f"{hint}; or unset {_VARIABLE}, which names it"
    return RuntimeFailure(what, place="docker", hint=hint)


async def _ask(socket: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(os.fspath(socket))
    try:
        writer.write(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
        return await reader.readline()
    finally:
        writer.transport.abort()


def _context(environ: Mapping[str, str]) -> Endpoint | None:
    """The docker command's own choice; its `default` context is the default socket."""
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/") / ".docker")
    name = environ.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext")
    if not isinstance(name, str) or name in ("", "default"):
        return None
    digest = hashlib.sha256(name.encode()).hexdigest()  # where the docker command keeps a context
    with suppress(KeyError, TypeError):
        url = _read(folder / "contexts" / "meta" / digest / "meta.json")["Endpoints"]["docker"]["Host"]
        return Endpoint(str(url), f"the context {name}")
    return None


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
    return {}


def _sockets(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    yield DEFAULT, "the default socket"
    if run := environ.get("XDG_RUNTIME_DIR"):
        yield Path(run) / "docker.sock", "the rootless engine"
    if home := environ.get("HOME"):
        yield Path(home) / ".docker" / "run" / "docker.sock", "Docker Desktop"
        yield Path(home) / ".colima" / "default" / "docker.sock", "Colima"
    if run := environ.get("XDG_RUNTIME_DIR"):
        yield Path(run) / "podman" / "podman.sock", "Podman"
    yield Path("/run/podman/podman.sock"), "Podman"
