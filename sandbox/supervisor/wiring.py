"""Who finds whom where: from a project, its networks and the claimed ports to the proxy's topology.

Processes: every listener is a port of its own on the loopback address. A caller reaches each declared port of each
declared callee through a listener that only it knows about, so the proxy knows who is calling.

Containers: every callee is found by its name on the port it declares. All callers share these listeners, and the
proxy knows them by the range of addresses they call from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.model import Project, Service, TrafficPolicy
from sandbox.ports import LOOPBACK
from sandbox.proxy.sharing import conflicts
from sandbox.proxy.topology import Address, Caller, EdgeListener, MeshService, Published, Relay, Topology
from sandbox.runtime.docker.layout import CONTAINER, Mesh

ClaimPort = Callable[[str], int]
"""Purpose → port, the same one each time."""

DOCKER, PROCESS = "docker", "process"

OTLP_NAME = "otlp.sandbox.internal"
"""Where containers send their own telemetry."""

_OTLP_PORT = 4318


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a project stands on: which of its services are containers, and the networks of those."""

    runtimes: Mapping[str, str] = field(default_factory=dict)  # service → process | docker
    mesh: Mesh | None = None  # there are no containers

    def runtime_of(self, service: str) -> str:
        return self.runtimes.get(service, PROCESS)

    @property
    def proxy_in_container(self) -> bool:
        return self.mesh is not None and self.mesh.layout.proxy == CONTAINER

    @property
    def front(self) -> str:
        """The address at which Envoy listens for what comes from this machine."""
        return self.mesh.proxy if self.mesh is not None and self.proxy_in_container else LOOPBACK

    @property
    def machine(self) -> str:
        """The address at which Envoy finds what runs on this machine."""
        return self.mesh.host if self.mesh is not None and self.proxy_in_container else LOOPBACK

    @property
    def machine_range(self) -> str | None:
        """The range from which this machine calls Envoy; None where only it can."""
        return self.mesh.uplink if self.mesh is not None and self.proxy_in_container else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """Ports that were claimed with a preference, before anything else."""

    gateway: int
    published: Mapping[tuple[str, int], int]  # (service, declared port) → port on the host


def topology(
    project: Project,
    ingress: Ingress,
    claim: ClaimPort,
    outbound_socket: Path,
    parent_proxy: Address | None,
    ground: Ground,
    otlp_port: int,
    ca_bundle: Path | None = None,
) -> Topology:
    """What the proxy must serve. `otlp_port`: of our own receiver. `ca_bundle`: where Envoy finds whom to trust."""
    default = project.default_service
    wired = Topology(
        gateway=Address(ground.front, ingress.gateway),
        default_service=default.name if default else None,
        services=tuple(_mesh_service(service, project) for service in project.services.values()),
        callers=tuple(_caller(service, project, claim, ground) for service in project.services.values()),
        published=tuple(
            Published(service=service, port=port, bind=Address(ground.front, on_host))
            for (service, port), on_host in ingress.published.items()
        ),
        outbound_socket=outbound_socket,
        parent_proxy=parent_proxy,
        relays=tuple(_relays(project, ground, otlp_port)),
        mesh=project.mesh,
        ca_bundle=ca_bundle,
        ingress_source=ground.machine_range,
        nobody=ground.mesh.nobody if ground.mesh is not None else (),
    )
    return _without_conflicts(wired, claim)


def with_policies(wired: Topology, policies: Mapping[str, TrafficPolicy]) -> Topology:
    """Instead of those that the file has."""
    services = (replace(one, policy=policies.get(one.name, TrafficPolicy())) for one in wired.services)
    return replace(wired, services=tuple(services))


def _mesh_service(service: Service, project: Project) -> MeshService:
    return MeshService(
        name=service.name,
        versions=tuple(version.name for version in service.versions),
        ports=service.ports,
        public=service.public,
        external=service.external,
        policy=project.traffic.get(service.name, TrafficPolicy()),
    )


def _caller(service: Service, project: Project, claim: ClaimPort, ground: Ground) -> Caller:
    if ground.mesh is not None and ground.runtime_of(service.name) == DOCKER:
        return _container_caller(service, project, ground.mesh)
    edges = tuple(
        EdgeListener(
            callee=callee,
            port=port.number,
            bind=Address(ground.front, claim(edge_purpose(service.name, callee, port.number))),
        )
        for callee in dict.fromkeys(service.callees)
        for port in project.services[callee].ports
    )
    return Caller(
        name=service.name,
        http_proxy=Address(ground.front, claim(proxy_purpose(service.name))),
        edges=edges,
        source=ground.machine_range,
    )


def _container_caller(service: Service, project: Project, mesh: Mesh) -> Caller:
    def edges(callees: Mapping[str, None]) -> tuple[EdgeListener, ...]:
        return tuple(
            EdgeListener(callee=callee, port=port.number, bind=Address(mesh.bind, port.number))
            for callee in callees
            for port in project.services[callee].ports
        )

    declared = dict.fromkeys(service.callees)
    others = dict.fromkeys(name for name in project.services if name not in declared)
    return Caller(
        name=service.name,
        http_proxy=None,
        edges=edges(declared),
        undeclared=edges(others),
        source=mesh.ranges[service.name],
    )


def _relays(project: Project, ground: Ground, otlp_port: int) -> Iterator[Relay]:
    if ground.mesh is not None:
        yield Relay(
            name="otlp",
            bind=Address(ground.mesh.bind, otlp_port_in_mesh(project)),
            to=Address(ground.machine, otlp_port),
            sources=(ground.mesh.pool,),
        )


def otlp_port_in_mesh(project: Project) -> int:
    """OTLP's own port, unless a service is called on it: one may well run a collector."""
    taken = {port.number for service in project.services.values() for port in service.ports}
    return next(number for number in range(_OTLP_PORT, 65536) if number not in taken)


def _without_conflicts(wired: Topology, claim: ClaimPort) -> Topology:
    """TCP says nothing about whom it is meant for: of two callees on one port, the second gets a port of its own."""
    losers = {(one.caller, one.callee, one.port) for one in conflicts(wired)}
    if not losers:
        return wired

    def rebound(caller: str, edge: EdgeListener) -> EdgeListener:
        if (caller, edge.callee, edge.port) not in losers:
            return edge
        return replace(edge, bind=replace(edge.bind, port=claim(edge_purpose(caller, edge.callee, edge.port))))

    def mended(caller: Caller) -> Caller:
        undeclared = (edge for edge in caller.undeclared if (caller.name, edge.callee, edge.port) not in losers)
        edges = tuple(rebound(caller.name, edge) for edge in caller.edges)
        return replace(caller, edges=edges, undeclared=tuple(undeclared))

    return replace(wired, callers=tuple(mended(caller) for caller in wired.callers))


def moved_edges(wired: Topology, ground: Ground) -> tuple[str, ...]:
    """Sentences about callees that a container finds on another port than they declare."""
    return tuple(
        f"{caller.name} finds {edge.callee}:{edge.port} on port {edge.bind.port} "
        f"({variable_prefix(edge.callee)}_PORT), because it also calls another service on TCP port {edge.port}"
        for caller in wired.callers
        if ground.runtime_of(caller.name) == DOCKER
        for edge in caller.edges
        if edge.bind.port != edge.port
    )


def ports_of(wired: Topology, ground: Ground) -> frozenset[int]:
    """The ports on which this machine calls the proxy."""
    own = [caller for caller in wired.callers if ground.runtime_of(caller.name) == PROCESS]
    binds = [
        wired.gateway,
        *(published.bind for published in wired.published),
        *(edge.bind for caller in own for edge in caller.edges),
        *(caller.http_proxy for caller in own if caller.http_proxy is not None),
    ]
    return frozenset(bind.port for bind in binds)


def edge_purpose(caller: str, callee: str, port: int) -> str:
    return f"edge/{caller}/{callee}/{port}"


def proxy_purpose(caller: str) -> str:
    return f"proxy/{caller}"


def variable_prefix(service: str) -> str:
    return service.upper().replace("-", "_").replace(".", "_")


def parent_proxy(host: Mapping[str, str]) -> Address | None:
    """The user's own HTTP proxy, which requests to hosts outside must still go through."""
    url = host.get("http_proxy") or host.get("HTTP_PROXY") or ""
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        return Address(parts.hostname, parts.port or 80) if parts.hostname else None
    except ValueError:
        return None
