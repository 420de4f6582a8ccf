"""From a project to what the proxy serves and what instances are told, with real ports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.daemon.trust import CA_IN_CONTAINER, ca_bundle
from sandbox.model import Project
from sandbox.paths import ProjectPaths
from sandbox.ports import Claim
from sandbox.proxy.topology import Topology
from sandbox.supervisor import wiring
from sandbox.supervisor.addresses import Addresses
from sandbox.supervisor.remarks import remarks
from sandbox.supervisor.surroundings import Otlp, Surroundings, places

OUTBOUND_IN_CONTAINER = Path("/tmp/outbound.sock")  # in a container of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    topology: Topology
    surroundings: Surroundings
    ingress: wiring.Ingress
    moved: Mapping[str, Claim]  # what is on another port than was preferred, by name
    edges_moved: tuple[str, ...]  # sentences about what containers find on another port than is declared
    remarks: tuple[str, ...]  # what else a person should know


class Wire:
    """Wires a project; wiring a changed one keeps every address that stays."""

    def __init__(self, addresses: Addresses, paths: ProjectPaths, otlp: Otlp, otlp_port: int) -> None:
        self._addresses = addresses
        self._paths = paths
        self._otlp = otlp
        self._otlp_port = otlp_port

    def connect(self, project: Project, ground: wiring.Ground) -> Wired:
        """SandboxError when no port is free."""
        ingress, moved = self._addresses.ingress(project)
        topology = wiring.topology(
            project,
            ingress,
            self._addresses.listener,
            OUTBOUND_IN_CONTAINER if ground.proxy_in_container else self._paths.outbound_socket,
            wiring.parent_proxy(os.environ),
            ground,
            self._otlp_port,
            CA_IN_CONTAINER if ground.proxy_in_container else ca_bundle(os.environ),
        )
        surroundings = Surroundings(
            places=places(project, topology, ground, self._otlp, os.environ), user_environment=dict(os.environ)
        )
        return Wired(
            topology=topology,
            surroundings=surroundings,
            ingress=ingress,
            moved=moved,
            edges_moved=wiring.moved_edges(topology, ground),
            remarks=remarks(project, ground),
        )
