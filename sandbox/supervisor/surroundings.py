"""What instances are told about where they are and how they find the others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.model import AppProtocol, CalleeRef, Project, Service, Version
from sandbox.ports import LOOPBACK
from sandbox.proxy.topology import Address, Caller, EdgeListener, Topology
from sandbox.runtime.environment import base_environment
from sandbox.supervisor.wiring import DOCKER, OTLP_NAME, Ground, otlp_port_in_mesh, variable_prefix

_SCHEMES = {AppProtocol.HTTP: "http", AppProtocol.GRPC: "grpc", AppProtocol.TCP: "tcp"}

_PYTHONPATH = "PYTHONPATH"
_EVERYWHERE = "0.0.0.0"  # inside a container, whose network nobody but the proxy reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Otlp:
    """Where instances send their own telemetry."""

    endpoint: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the instances of one service live."""

    runtime: str  # process | docker
    caller: Caller  # how the proxy knows them
    listens_on: str  # the address that is their HOST
    otlp: Otlp | None
    inherited: Mapping[str, str]  # variables of the user that they get

    def finds(self, edge: EdgeListener) -> Address:
        """A callee, as these instances call it."""
        return Address(edge.callee if self.runtime == DOCKER else LOOPBACK, edge.bind.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What instances are given beside their own configuration; replaced when the project's wiring changes."""

    places: Mapping[str, Place]  # by service
    user_environment: Mapping[str, str]


def places(
    project: Project, wired: Topology, ground: Ground, otlp: Otlp | None, host: Mapping[str, str]
) -> dict[str, Place]:
    """By service. `host` is the user's environment, which processes inherit and containers do not."""
    inherited = base_environment(host)
    by_name = Otlp(endpoint=f"http://{OTLP_NAME}:{otlp_port_in_mesh(project)}", key=otlp.key) if otlp else None
    found = {}
    for caller in wired.callers:
        runtime = ground.runtime_of(caller.name)
        found[caller.name] = Place(
            runtime=runtime,
            caller=caller,
            listens_on=_EVERYWHERE if runtime == DOCKER else ground.machine,
            otlp=by_name if runtime == DOCKER else otlp,
            inherited={} if runtime == DOCKER else inherited,
        )
    return found


def environment(
    project: Project, service: Service, version: Version, place: Place, host: Mapping[str, str]
) -> dict[str, str]:
    """What every instance of a version is given, but for what differs by instance (`own`).

    Priority: what the file says over what we give. `host` is the user's environment, read for NO_PROXY only.
    """
    first = {edge.callee: edge for edge in reversed(place.caller.edges)}
    return {
        **_callees(project, place, first),
        **_http_proxy(place.caller, host),
        **(_telemetry(project, service, version, place.otlp) if place.otlp else {}),
        **{
            name: value.render(lambda ref: _resolve(ref, project, place, first))
            for name, value in version.environment.items()
        },
    }


def own(project: str, service: str, version: str, instance: str, host: str, ports: Mapping[int, int]) -> dict[str, str]:
    """What one instance is given for itself. `PORT` is the first declared port, `PORT_<declared>` each of them."""
    given = {f"PORT_{declared}": str(actual) for declared, actual in ports.items()}
    if ports:
        given["PORT"] = str(next(iter(ports.values())))
    return {
        **given,
        "HOST": host,
        "SANDBOX_PROJECT": project,
        "SANDBOX_SERVICE": service,
        "SANDBOX_VERSION": version,
        "SANDBOX_INSTANCE": instance,
    }


def _callees(project: Project, place: Place, first: Mapping[str, EdgeListener]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for callee, edge in first.items():
        prefix, address = variable_prefix(callee), place.finds(edge)
        variables[f"{prefix}_URL"] = _url(project, edge, address)
        variables[f"{prefix}_HOST"] = address.host
        variables[f"{prefix}_PORT"] = str(address.port)
    return variables


def with_theirs(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """What the runtime adds, and what the file says, which wins; of PYTHONPATH both hold: ours has only a hook."""
    paths = [one[_PYTHONPATH] for one in (ours, theirs) if one.get(_PYTHONPATH)]
    return {**ours, **theirs, **({_PYTHONPATH: os.pathsep.join(paths)} if paths else {})}


def _url(project: Project, edge: EdgeListener, address: Address) -> str:
    protocol = next(port.protocol for port in project.services[edge.callee].ports if port.number == edge.port)
    return f"{_SCHEMES[protocol]}://{address}"


def _resolve(ref: CalleeRef, project: Project, place: Place, first: Mapping[str, EdgeListener]) -> str:
    edge = first.get(ref.service)
    if edge is None:
        return ""  # the callee has no port; the configuration's checks refuse that before
    address = place.finds(edge)
    match ref.attribute:
        case "host":
            return address.host
        case "port":
            return str(address.port)
        case _:
            return _url(project, edge, address)


def _http_proxy(caller: Caller, host: Mapping[str, str]) -> dict[str, str]:
    """So that `http://orders/` works for clients that honour HTTP_PROXY; loopback never goes through it."""
    if caller.http_proxy is None:
        return {}
    proxy = f"http://{LOOPBACK}:{caller.http_proxy.port}"
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
