"""Envoy as a child of the shim."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import msgspec

from sandbox.errors import ProxyError, RuntimeFailure
from sandbox.files import write_atomic
from sandbox.paths import ProjectPaths
from sandbox.proxy import bootstrap, envoy
from sandbox.runtime.base import Exit
from sandbox.runtime.client import ShimClient
from sandbox.supervisor.proxy import ENVOY, EnvoyProcess

_STOPS_WITHIN = 3.0
_LOG_LIMIT = 4 * 1024 * 1024


class ShimEnvoy:
    """Implements `supervisor.proxy.EnvoyHost`."""

    def __init__(self, paths: ProjectPaths, project: str, shim: ShimClient) -> None:
        self._paths = paths
        self._project = project
        self._shim = shim
        self.control_plane = paths.ads_socket
        self.admin = paths.admin_socket
        self.dial = None  # instances are reached directly
        self.version = ""

    def fit(self, ports: frozenset[int]) -> bool:
        """Whether it must be started anew to open these ports: never."""
        return False

    async def exits(self) -> AsyncIterator[Exit]:
        """Raises ShimLost when the shim is gone."""
        async for exit in self._shim.exits("proxy"):
            yield exit

    async def running(self) -> EnvoyProcess | None:
        """The one an earlier supervisor started, if it still runs."""
        for kept in await self._shim.list():
            if kept.id == ENVOY and kept.state == "running" and kept.pid is not None:
                await self._know_version()
                return EnvoyProcess(pid=kept.pid, started_at=kept.started_at)
        return None

    async def start(self) -> EnvoyProcess:
        """ProxyError when there is no Envoy for this machine or it can't be started."""
        await self._know_version()
        config = self._paths.envoy / "bootstrap.json"
        write_atomic(config, msgspec.json.encode(bootstrap.bootstrap(self._paths, self._project)))
        for socket in self._paths.envoy_sockets:
            socket.unlink(missing_ok=True)
        try:
            started = await self._shim.start(
                ENVOY,
                envoy.command(envoy.find_envoy(os.environ), config),
                cwd=self._paths.state,
                env={"PATH": os.environ.get("PATH", os.defpath), "SANDBOX_HOME": str(self._paths.home)},
                log=self._paths.logs / f"{ENVOY}.log",
                log_max_bytes=_LOG_LIMIT,
                role="proxy",
            )
        except RuntimeFailure as error:
            raise ProxyError(error.message, place="Envoy", hint=error.hint) from error
        return EnvoyProcess(pid=started.pid or 0, started_at=started.started_at)

    async def stop(self) -> None:
        await self._shim.stop(ENVOY, _STOPS_WITHIN)

    async def _know_version(self) -> None:
        self.version = await asyncio.to_thread(lambda: envoy.envoy_version(envoy.find_envoy(os.environ)))
