"""Where Envoy runs, and how the rest reaches it there."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.daemon.envoy import ShimEnvoy
from sandbox.daemon.late import address_there
from sandbox.model import Project
from sandbox.paths import ProjectPaths
from sandbox.runtime.client import ShimClient
from sandbox.supervisor.addresses import Addresses
from sandbox.supervisor.proxy import ENVOY
from sandbox.supervisor.wiring import Ground

if TYPE_CHECKING:
    from sandbox.daemon.envoy_container import ContainerEnvoy
    from sandbox.runtime.docker.driver import DockerDriver

    Envoy = ShimEnvoy | ContainerEnvoy


async def envoy_runs(ground: Ground, docker: DockerDriver | None, shim: ShimClient) -> bool:
    """Whether an Envoy of an earlier supervisor still listens on the ports that are remembered."""
    if docker is not None and ground.proxy_in_container:
        return await docker.proxy.runs()
    return any(kept.id == ENVOY and kept.state == "running" for kept in await shim.list())


def envoy_for(
    paths: ProjectPaths,
    project: Project,
    ground: Ground,
    docker: DockerDriver | None,
    shim: ShimClient,
    addresses: Addresses,
) -> Envoy:
    if docker is None or ground.mesh is None or not ground.proxy_in_container:
        return ShimEnvoy(paths, project.name, shim)
    from sandbox.daemon.envoy_container import ContainerEnvoy

    return ContainerEnvoy(paths, project, docker, ground.mesh, addresses.listener, addresses.hand_over)


async def relay_sockets(ground: Ground | None, port: int) -> list[socket.socket]:
    """Where an Envoy in a container hands on what instances send to a loopback port of ours. Containers of a virtual
    machine find our loopback address itself."""
    if ground is not None and ground.proxy_in_container and await address_there(ground.machine):
        with suppress(OSError):
            return [socket.create_server((ground.machine, port))]
    return []
