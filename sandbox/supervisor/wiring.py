"""Who finds whom where: from a project and the claimed ports to the proxy's topology and each instance's environment.

Process runtime: every listener is a port of its own on the loopback address. A caller reaches each declared port of
each declared callee through a listener that only it knows about, so the proxy knows who is calling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.model import AppProtocol, CalleeRef, Port, Project, Service, TrafficPolicy, Version
from sandbox.ports import LOOPBACK
from sandbox.proxy.topology import Address, Caller, EdgeListener, MeshService, Published, Topology

ClaimPort = Callable[[str], int]
"""Purpose → port, the same one each time."""

_SCHEMES = {AppProtocol.HTTP: "http", AppProtocol.GRPC: "grpc", AppProtocol.TCP: "tcp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """Ports that were claimed with a preference, before anything else."""

    gateway: int
    published: Mapping[tuple[str, int], int]  # (service, declared port) → port on the host


@dataclass(frozen=True, slots=True, kw_only=True)
class Otlp:
    """Where instances send their own telemetry."""

    endpoint: str
    key: str


def topology(
    project: Project, ingress: Ingress, claim: ClaimPort, outbound_socket: Path, parent_proxy: Address | None
) -> Topology:
    """What the proxy must serve."""
    default = project.default_service
    return Topology(
        gateway=Address(LOOPBACK, ingress.gateway),
        default_service=default.name if default else None,
        services=tuple(_mesh_service(service, project) for service in project.services.values()),
        callers=tuple(_caller(service, project, claim) for service in project.services.values()),
        published=tuple(
            Published(service=service, port=port, bind=Address(LOOPBACK, on_host))
            for (service, port), on_host in ingress.published.items()
        ),
        outbound_socket=outbound_socket,
        parent_proxy=parent_proxy,
    )


def _mesh_service(service: Service, project: Project) -> MeshService:
    return MeshService(
        name=service.name,
        versions=tuple(version.name for version in service.versions),
        ports=service.ports,
        public=service.public,
        policy=project.traffic.get(service.name, TrafficPolicy()),
    )


def _caller(service: Service, project: Project, claim: ClaimPort) -> Caller:
    edges = tuple(
        EdgeListener(
            callee=callee, port=port.number, bind=Address(LOOPBACK, claim(edge_purpose(service.name, callee, port)))
        )
        for callee in dict.fromkeys(service.callees)
        for port in project.services[callee].ports
    )
    return Caller(name=service.name, http_proxy=Address(LOOPBACK, claim(proxy_purpose(service.name))), edges=edges)


def edge_purpose(caller: str, callee: str, port: Port) -> str:
    return f"edge/{caller}/{callee}/{port.number}"


def proxy_purpose(caller: str) -> str:
    return f"proxy/{caller}"


# --- environment --------------------------------------------------------------------------------------------------


def environment(
    project: Project, service: Service, version: Version, caller: Caller, otlp: Otlp | None, host: Mapping[str, str]
) -> dict[str, str]:
    """What every instance of a version is given, but for what differs by instance (`own`).

    Priority: what the file says over what we give. `host` is the user's environment, read for NO_PROXY only.
    """
    first = {edge.callee: edge for edge in reversed(caller.edges)}
    return {
        **_callees(project, first),
        **_http_proxy(caller, host),
        **(_telemetry(project, service, version, otlp) if otlp else {}),
        **{
            name: value.render(lambda ref: _resolve(ref, project, first)) for name, value in version.environment.items()
        },
    }


def own(project: str, service: str, version: str, instance: str, ports: Mapping[int, int]) -> dict[str, str]:
    """What one instance is given for itself. `PORT` is the first declared port, `PORT_<declared>` each of them."""
    given = {f"PORT_{declared}": str(actual) for declared, actual in ports.items()}
    if ports:
        given["PORT"] = str(next(iter(ports.values())))
    return {
        **given,
        "HOST": LOOPBACK,
        "SANDBOX_PROJECT": project,
        "SANDBOX_SERVICE": service,
        "SANDBOX_VERSION": version,
        "SANDBOX_INSTANCE": instance,
    }


def variable_prefix(service: str) -> str:
    return service.upper().replace("-", "_").replace(".", "_")


def _callees(project: Project, first: Mapping[str, EdgeListener]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for callee, edge in first.items():
        prefix = variable_prefix(callee)
        variables[f"{prefix}_URL"] = _url(project, edge)
        variables[f"{prefix}_HOST"] = edge.bind.host
        variables[f"{prefix}_PORT"] = str(edge.bind.port)
    return variables


def _url(project: Project, edge: EdgeListener) -> str:
    protocol = next(port.protocol for port in project.services[edge.callee].ports if port.number == edge.port)
    return f"{_SCHEMES[protocol]}://{edge.bind}"


def _resolve(ref: CalleeRef, project: Project, first: Mapping[str, EdgeListener]) -> str:
    edge = first.get(ref.service)
    if edge is None:
        return ""  # the callee has no port; the configuration's checks refuse that before
    match ref.attribute:
        case "host":
            return edge.bind.host
        case "port":
            return str(edge.bind.port)
        case _:
            return _url(project, edge)


def _http_proxy(caller: Caller, host: Mapping[str, str]) -> dict[str, str]:
    """So that `http://orders/` works for clients that honour HTTP_PROXY; loopback never goes through it."""
    if caller.http_proxy is None:
        return {}
    proxy = f"http://{caller.http_proxy}"
    theirs = host.get("no_proxy") or host.get("NO_PROXY") or ""
    direct = ",".join(dict.fromkeys(("localhost", "127.0.0.1", "::1", *_no_proxy_entries(theirs))))
    return {
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "NO_PROXY": direct,
        "no_proxy": direct,
        "NODE_USE_ENV_PROXY": "1",  # Node.js 24 and later: fetch and http honour the variables
    }


def _no_proxy_entries(text: str) -> Iterator[str]:
    # "*" would switch the proxy off for callees too.
    return (entry for part in text.split(",") if (entry := part.strip()) and entry != "*")


def _telemetry(project: Project, service: Service, version: Version, otlp: Otlp) -> dict[str, str]:
    """OpenTelemetry's standard variables (specification: "Environment Variable Specification", "OTLP Exporter")."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-sandbox-key={otlp.key}",
        "OTEL_SERVICE_NAME": service.name,
        "OTEL_RESOURCE_ATTRIBUTES": f"service.namespace={project.name},service.version={version.name}",
        "OTEL_PROPAGATORS": "tracecontext,baggage",
    }


def parent_proxy(host: Mapping[str, str]) -> Address | None:
    """The user's own HTTP proxy, which requests to hosts outside must still go through."""
    url = host.get("http_proxy") or host.get("HTTP_PROXY") or ""
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        return Address(parts.hostname, parts.port or 80) if parts.hostname else None
    except ValueError:
        return None
