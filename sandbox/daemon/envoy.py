"""Envoy as a child of the shim."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from sandbox.errors import ProxyError, SandboxError
from sandbox.files import write_atomic
from sandbox.paths import ProjectPaths
from sandbox.proxy import envoy
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
        self.version = ""

    async def start(self) -> EnvoyProcess:
        """ProxyError when there is no Envoy for this machine or it can't be started."""
        binary = envoy.find_envoy(os.environ)
        self.version = envoy.envoy_version(binary)
        bootstrap = self._paths.envoy / "bootstrap.json"
        write_atomic(bootstrap, msgspec.json.encode(envoy.bootstrap(self._paths, self._project)))
        for socket in (self._paths.admin_socket, self._paths.outbound_socket):
            socket.unlink(missing_ok=True)
        try:
            pid = await self._spawn(binary, bootstrap)
        except SandboxError as error:
            raise ProxyError(error.message, place="Envoy", hint=error.hint) from error
        return EnvoyProcess(pid=pid, started_at=time.time())

    async def _spawn(self, binary: Path, bootstrap: Path) -> int:
        started = await self._shim.start(
            ENVOY,
            argv=envoy.command(binary, bootstrap),
            cwd=self._paths.state,
            environment={"PATH": os.environ.get("PATH", "")},
            log=self._paths.logs / f"{ENVOY}.log",
            log_max_bytes=_LOG_LIMIT,
        )
        return started.pid

    async def stop(self) -> None:
        await self._shim.stop(ENVOY, _STOPS_WITHIN)
