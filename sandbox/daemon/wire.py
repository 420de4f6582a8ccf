"""From a project to what the proxy serves and what instances are told, with real ports."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sandbox.model import Project
from sandbox.paths import ProjectPaths
from sandbox.proxy.topology import Topology
from sandbox.runtime.environment import base_environment
from sandbox.supervisor import wiring
from sandbox.supervisor.addresses import Addresses
from sandbox.supervisor.cluster import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    topology: Topology
    surroundings: Surroundings
    notices: tuple[str, ...]  # ports that had to move


class Wire:
    """Wires a project; wiring a changed one keeps every address that stays."""

    def __init__(self, addresses: Addresses, paths: ProjectPaths, otlp: wiring.Otlp) -> None:
        self._addresses = addresses
        self._paths = paths
        self._otlp = otlp

    def connect(self, project: Project) -> Wired:
        """SandboxError when no port is free."""
        ingress, notices = self._addresses.ingress(project)
        topology = wiring.topology(
            project,
            ingress,
            self._addresses.listener,
            self._paths.outbound_socket,
            wiring.parent_proxy(os.environ),
        )
        surroundings = Surroundings(
            callers={caller.name: caller for caller in topology.callers},
            otlp=self._otlp,
            host_environment=base_environment(os.environ),
            user_environment=dict(os.environ),
        )
        return Wired(topology=topology, surroundings=surroundings, notices=notices)
