"""Envoy in a container of its own, where containers can't be reached from the host, or the host's ports are taken."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from sandbox.daemon.trust import CA_IN_CONTAINER, ca_bundle
from sandbox.errors import ProxyError, RuntimeFailure
from sandbox.files import write_atomic
from sandbox.model import Project
from sandbox.paths import ProjectPaths
from sandbox.ports import LOOPBACK
from sandbox.proxy import door, envoy
from sandbox.proxy.bearer import Guarded
from sandbox.proxy.bootstrap import Inside, container_bootstrap
from sandbox.proxy.topology import Address
from sandbox.runtime.base import Exit
from sandbox.runtime.docker.driver import DockerDriver
from sandbox.runtime.docker.images import image_for
from sandbox.runtime.docker.layout import Mesh
from sandbox.runtime.docker.proxy import PROGRAM, ProxySpec
from sandbox.supervisor.proxy import EnvoyProcess

_BOOTSTRAP = "/sandbox/bootstrap.json"
_ADMIN_SOCKET = Path("/tmp/admin.sock")
_STOPS_WITHIN = 3.0
_DESKTOP_HOST = "host.docker.internal"
"""How containers of a virtual machine call the machine around it."""


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that outlive the supervisor, since the container does."""

    control_plane: str
    door: str


def secrets_of(paths: ProjectPaths) -> Secrets:
    """Kept in a file for the user alone; made the first time."""
    file = paths.docker / "proxy.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Secrets)
    except (OSError, msgspec.DecodeError):
        made = Secrets(control_plane=secrets.token_urlsafe(32), door=secrets.token_urlsafe(32))
        write_atomic(file, msgspec.json.encode(made))
        return made


class ContainerEnvoy:
    """Implements `supervisor.proxy.EnvoyHost`."""

    def __init__(
        self,
        paths: ProjectPaths,
        project: Project,
        docker: DockerDriver,
        mesh: Mesh,
        claim: Callable[[str], int],
        hand_over: Callable[[frozenset[int]], None],
    ) -> None:
        """`claim` gives ports of this machine by purpose; `hand_over` lets go of some, for the engine to open them."""
        kept = secrets_of(paths)
        here = LOOPBACK if docker.facts.desktop else mesh.host
        number = claim("door")
        self._project = project
        self._docker = docker
        self._hand_over = hand_over
        self._address = mesh.proxy
        self._ports: frozenset[int] = frozenset()
        self._changing = asyncio.Lock()
        self.control_plane = Guarded(Address(here, claim("control plane")), kept.control_plane)
        hand_over(frozenset({self.control_plane.address.port}))  # to our own server
        self.admin = Guarded(Address(LOOPBACK, number), kept.door)
        self._inside = Inside(
            admin_socket=_ADMIN_SOCKET,
            control_plane=Guarded(
                Address(here if here != LOOPBACK else _DESKTOP_HOST, self.control_plane.address.port),
                kept.control_plane,
            ),
            door=Guarded(Address(mesh.proxy, number), kept.door),
        )
        self.version = ""

    def fit(self, ports: frozenset[int]) -> bool:
        """The ports that people and processes of this machine call. Whether that changes anything: a container's
        published ports are fixed, so it has to be made anew."""
        changed = self._ports not in (frozenset(), ports)
        self._ports = ports
        return changed

    async def running(self) -> EnvoyProcess | None:
        """The one an earlier supervisor started, if it still fits."""
        await self._know_version()
        found = await self._docker.proxy.adopt(await asyncio.to_thread(self._spec, self._published))
        return EnvoyProcess(pid=found.pid, started_at=found.started_at) if found else None

    async def start(self) -> EnvoyProcess:
        """ProxyError when it can't be started."""
        await self._know_version()
        async with self._changing:
            ports = self._published
            self._hand_over(ports)
            try:
                found = await self._docker.proxy.start(await asyncio.to_thread(self._spec, ports))
            except RuntimeFailure as error:
                raise ProxyError(error.message, place="Envoy", hint=error.hint) from error
            return EnvoyProcess(pid=found.pid, started_at=found.started_at)

    async def stop(self) -> None:
        """One that is being started is waited for: its ports may be those from before the newest `fit`."""
        async with self._changing:
            await self._docker.proxy.stop(_STOPS_WITHIN)

    async def dial(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Instances are reached through the door."""
        return await door.dial(self.admin.address, self.admin.token, host, port)

    def exits(self) -> AsyncIterator[Exit]:
        return self._docker.proxy.exits()

    @property
    def _published(self) -> frozenset[int]:
        return self._ports | {self.admin.address.port}

    def _spec(self, ports: frozenset[int]) -> ProxySpec:
        """The host's own Envoy where the engine can mount it; else the one in the image."""
        program = None if self._docker.facts.desktop or sys.platform != "linux" else envoy.find_envoy(os.environ)
        bootstrap = msgspec.json.encode(container_bootstrap(self._inside, self._project.name))
        _, *options = envoy.command(Path(PROGRAM), Path(_BOOTSTRAP))
        settings = self._project.settings.docker
        return ProxySpec(
            image=image_for("envoy", settings.images, os.environ),
            argv=(PROGRAM if program else "envoy", *options),
            files={_BOOTSTRAP: bootstrap, str(CA_IN_CONTAINER): _authorities()},
            ports=ports,
            address=self._address,
            program=program,
            environ=dict(os.environ),
        )

    async def _know_version(self) -> None:
        self.version = await asyncio.to_thread(lambda: envoy.envoy_version(envoy.find_envoy(os.environ)))


def _authorities() -> bytes:
    """Empty where this machine knows none."""
    bundle = ca_bundle(os.environ)
    return bundle.read_bytes() if bundle is not None else b""
