"""How requests get to a service, as something that the proxy knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from sandbox.control import ProjectStatus, ServiceStatus
from sandbox.errors import NotFoundError, UsageError
from sandbox.load.plan import Destination
from sandbox.model import GATEWAY

_NOT_HTTP = ("tcp", "grpc")


def service_named(status: ProjectStatus, name: str) -> ServiceStatus:
    """NotFoundError when there is none; UsageError when it does not speak HTTP."""
    found = next((one for one in status.services if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in status.services)
        raise NotFoundError("no such service", place=name, hint=f"there are {names}")
    if not any(_is_http(port) for port in found.ports):
        raise UsageError("has no HTTP port", place=name, hint="load is for services that speak plain HTTP")
    return found


def _is_http(port: str) -> bool:
    return port.rpartition("/")[2] not in _NOT_HTTP


def from_outside(status: ProjectStatus, service: ServiceStatus) -> Destination | None:
    """Through the gateway, or by a port that is published; None when neither leads there."""
    if service.url and status.gateway:
        host = urlsplit(service.url).netloc
        return Destination(base=status.gateway, host=host, way="through the gateway", caller=GATEWAY)
    for port in service.ports:
        published, colon, _ = port.partition(":")
        if colon and _is_http(port):
            base = f"http://127.0.0.1:{published}"
            return Destination(base=base, host=None, way=f"by its published port {published}", caller=GATEWAY)
    return None


def callers_of(status: ProjectStatus, service: str) -> list[str]:
    """Declared ones with a running process, whose own way to it can be used."""
    return [
        one.name
        for one in status.services
        if service in one.depends_on and any(instance.pid and not instance.container for instance in one.instances)
    ]


def as_caller(service: str, caller: str, environment: Mapping[str, str] | None) -> Destination:
    """By the address at which the caller finds it, which says to the proxy who is calling.

    environment: of an instance of the caller; None for a container, whose addresses nobody else may use.
    """
    if environment is None:
        raise UsageError(
            f"runs in a container, so nobody else can call {service} in its name",
            place=caller,
            hint=f"run it inside: sandbox exec {caller} -- …",
        )
    url = environment.get(f"{service.upper().replace('-', '_').replace('.', '_')}_URL")
    if url is None:
        raise UsageError(f"does not call {service}", place=caller, hint=f"add {service} to its depends_on")
    parts = urlsplit(url)
    return Destination(
        base=f"{parts.scheme}://{parts.netloc}", host=service, way=f"as {caller} calls it", caller=caller
    )


def unreachable(service: str, callers: Sequence[str]) -> UsageError:
    hint = f'publish a port: ports: ["18000:8000"], or make it public: true, in {service}'
    return UsageError(
        "is not public, and no caller of it runs as a process, so the proxy lets nobody in from outside",
        place=service,
        hint=hint,
    )
