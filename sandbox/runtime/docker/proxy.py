"""The proxy's own container, where the proxy does not run on the host. What runs in it is the caller's matter."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import tarfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Exit, Running
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.builds.pull import have_image
from sandbox.runtime.docker.ends import exit_of
from sandbox.runtime.docker.engine import Conflict, Engine, EngineGone, NotThere
from sandbox.runtime.docker.logs import Logs
from sandbox.runtime.docker.maker import remove_container
from sandbox.runtime.docker.networks import Networks
from sandbox.runtime.docker.records import UNHEARD, running_of

log = logging.getLogger(__name__)

PROXY = "envoy"
"""Its id, and the name of its log."""

PROGRAM = "/sandbox/envoy"
"""Where the host's own program is mounted."""

_USER = 65532
_DIGEST = "dev.sandbox.digest"
_LOG_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySpec:
    image: str
    argv: tuple[str, ...]
    files: Mapping[str, bytes]  # absolute path in the container → contents; for the proxy's eyes only
    ports: frozenset[int]  # open on 127.0.0.1 at the same number
    address: str  # on the project's network
    program: Path | None  # of the host, mounted at PROGRAM
    environ: Mapping[str, str]  # the user's, for pulling

    @property
    def digest(self) -> str:
        told = (self.image, self.argv, sorted(self.files.items()), sorted(self.ports), self.address, str(self.program))
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


class ProxyContainer:
    """One container, made anew whenever what it is made from changes."""

    def __init__(self, engine: Engine, networks: Networks, logs: Logs, paths: ProjectPaths) -> None:
        self._engine = engine
        self._networks = networks
        self._logs = logs
        self._id = paths.id
        self._running: Running | None = None
        self._exits: asyncio.Queue[Exit] = asyncio.Queue()
        self._ended = asyncio.Event()

    @property
    def container(self) -> str | None:
        return self._running.container if self._running else None

    async def runs(self) -> bool:
        """Whether there is one, ours or an earlier supervisor's."""
        details = await self._inspect()
        return details is not None and bool(details["State"].get("Running"))

    async def adopt(self, spec: ProxySpec) -> Running | None:
        """The one of an earlier supervisor, if it runs and is what is wanted now."""
        details = await self._inspect()
        if details is None or not details["State"].get("Running"):
            return None
        if (details["Config"].get("Labels") or {}).get(_DIGEST) != spec.digest:
            return None
        self._take(details)
        self._logs.follow(self._known, _LOG_LIMIT, anew=False)
        await self._networks.proxy_exists()
        return self._known

    async def start(self, spec: ProxySpec) -> Running:
        """RuntimeFailure when it can't be made or started."""
        await have_image(self._engine, spec.image, "missing", spec.environ, lambda line: None, place="Envoy")
        await self._remove()
        name, body, files = self._networks.proxy_container, self._payload(spec), _archive(spec.files)
        made = await self._engine.call(lambda api: api.create_container_from_config(body, name)["Id"], place="Envoy")
        try:
            await self._engine.call(lambda api: api.put_archive(made, "/", files), place="Envoy")
            async with self._networks.proxy_starts():
                await self._engine.call(lambda api: api.start(made), place="Envoy")
        except RuntimeFailure:
            await self._remove()
            raise
        details = await self._inspect()
        if details is None:
            raise RuntimeFailure("it was removed as soon as it was started", place="Envoy", hint="see: docker events")
        self._take(details)
        self._logs.follow(self._known, _LOG_LIMIT, anew=True)
        await self.look()  # it may have ended before we knew it
        return self._known

    async def stop(self, grace: float) -> None:
        if self._running is None:
            await self._remove()
            return
        container = self._running.container
        with suppress(NotThere, Conflict):
            await self._engine.call(lambda api: api.kill(container, "SIGTERM"))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), grace)
        await self._remove()

    async def exits(self) -> AsyncIterator[Exit]:
        while True:
            yield await self._exits.get()

    async def ended(self, code: int = UNHEARD) -> None:
        """The engine said so, and with which exit code. EngineGone when more can be said only once it is back."""
        running = self._running
        if running is None or self._ended.is_set():
            return
        details: Mapping[str, Any] | None = None
        try:
            details = await self._inspect()
        except EngineGone:
            raise
        except RuntimeFailure as error:
            log.warning("the engine does not say how Envoy ended: %s", error)
        details = details or {"State": {"ExitCode": code}}
        if running is not self._running or self._ended.is_set():
            return  # told meanwhile
        self._ended.set()
        await self._logs.finish(str(running.container))
        exit = exit_of(PROXY, running.pid, details, stopped_by=None)
        self._exits.put_nowait(replace(exit, at=exit.at or time.time()))

    async def look(self) -> None:
        """After the engine was away."""
        details = await self._inspect() if self._running else None
        if self._running is not None and (details is None or not details["State"].get("Running")):
            await self.ended()

    @property
    def _known(self) -> Running:
        assert self._running is not None
        return self._running

    def _take(self, details: Mapping[str, Any]) -> None:
        self._running = running_of(details)
        self._ended.clear()

    async def _inspect(self) -> dict[str, Any] | None:
        try:
            return dict(await self._engine.call(lambda api: api.inspect_container(self._networks.proxy_container)))
        except NotThere:
            return None

    async def _remove(self) -> None:
        await remove_container(self._engine, self._networks.proxy_container)

    def _payload(self, spec: ProxySpec) -> dict[str, Any]:
        network = self._networks.uplink
        bindings = {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}] for port in sorted(spec.ports)}
        program = {"Type": "bind", "Source": str(spec.program), "Target": PROGRAM, "ReadOnly": True}
        return {
            "Image": spec.image,
            "Entrypoint": [spec.argv[0]],
            "Cmd": list(spec.argv[1:]),
            "User": f"{_USER}:{_USER}",
            "ExposedPorts": {name: {} for name in bindings},
            "Labels": {
                **labels.of_project(self._id),
                labels.ROLE: "proxy",
                labels.INSTANCE: PROXY,
                "com.docker.compose.service": "sandbox-proxy",
                "com.docker.compose.oneoff": "False",
                _DIGEST: spec.digest,
            },
            "HostConfig": {
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges:true"],
                "Sysctls": {"net.ipv4.ip_forward": "0"},  # it stands in every instance's network and must join none
                "Mounts": [program] if spec.program else [],
                "Tmpfs": {"/tmp": "mode=1777"},
                "PortBindings": bindings,
                "NetworkMode": network,
                "RestartPolicy": {"Name": "no"},
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "4m", "max-file": "2"}},
            },
            "NetworkingConfig": {"EndpointsConfig": {network: {"IPAMConfig": {"IPv4Address": spec.address}}}},
        }


def _archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, contents in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.uid, entry.gid = len(contents), 0o400, _USER, _USER
            tar.addfile(entry, io.BytesIO(contents))
    return packed.getvalue()
