"""Checks of each service by itself, and of what two services can't share."""

from __future__ import annotations

from sandbox.config.checks.ondisk import holds
from sandbox.config.checks.subject import Subject, speaks_http
from sandbox.model import AppProtocol, Build, HttpProbe, Service, Version


def check_services(subject: Subject) -> None:
    if not subject.project.services:
        subject.at_key(("services",), "there are no services", "add one under services, or run `sandbox init`")
    for service in subject.project.services.values():
        if service.external is not None:
            continue
        _check_ports(subject, service)
        for version in service.versions:
            _check_version(subject, service, version)
    _check_published(subject)
    _check_instance_names(subject)


def _check_ports(subject: Subject, service: Service) -> None:
    path = ("services", service.name)
    if service.public and not speaks_http(service):
        subject.at_key((*path, "public"), f"{service.name} is public and has no HTTP port", 'add ports: ["8000"]')
    seen: set[int] = set()
    for port in service.ports:
        if port.number in seen:
            message = f"{service.name} lists the port {port.number} twice"
            subject.at_value((*path, "ports"), message, "keep one of the two")
        seen.add(port.number)


def _check_version(subject: Subject, service: Service, version: Version) -> None:
    path = subject.version_path(service.name, version.name)
    if version.build is None and version.image is None:
        name = service.name if len(path) == 2 else f"{service.name} {version.name}"
        subject.at_key(path, f"{name} has neither build nor image", f"add build: ./{service.name}")
    if version.build is not None:
        _check_build(subject, version.build, (*path, "build"))
    if isinstance(version.healthcheck.probe, HttpProbe):
        _check_http_probe(subject, service, (*path, "healthcheck", "http"))


def _check_build(subject: Subject, build: Build, path: tuple[str, ...]) -> None:
    context = build.context
    if not holds(context.is_dir):
        what = "is not a folder" if holds(context.exists) else "there is no such folder"
        subject.at_value((*path, "context"), f"{what}: {context}", "paths start at the folder of the first file")
    elif build.dockerfile is not None and not holds((context / build.dockerfile).is_file):
        message = f"there is no such file: {context / build.dockerfile}"
        subject.at_value((*path, "dockerfile"), message, "its path starts at the build's folder")


def _check_http_probe(subject: Subject, service: Service, path: tuple[str, ...]) -> None:
    if not service.ports:
        subject.at_key(path, f"{service.name} has no port to ask for its health", 'add ports: ["8000"], or use test')
    elif service.ports[0].protocol is not AppProtocol.HTTP:
        first = service.ports[0]
        message = f"the first port of {service.name} speaks {first.protocol}, and http asks that one"
        subject.at_key(path, message, "put the HTTP port first, or use test")


def _check_published(subject: Subject) -> None:
    owners: dict[int, str] = {}
    for service in subject.project.services.values():
        for port in service.ports:
            if port.published is None:
                continue
            if port.published in owners:
                message = f"port {port.published} is published twice, by {owners[port.published]} and {service.name}"
                subject.at_value(("services", service.name, "ports"), message, "choose another port for one of them")
            owners.setdefault(port.published, service.name)


def _check_instance_names(subject: Subject) -> None:
    """Instances are called service-version-number: `a` with a version `b-v1` and `a-b` would share names."""
    owners: dict[str, Service] = {}
    for service in subject.project.services.values():
        for version in service.versions:
            name = f"{service.name}-{version.name}"
            other = owners.setdefault(name, service)
            if other is not service:
                message = f"instances of {other.name} and {service.name} would both be called {name}-1"
                path = subject.version_path(service.name, version.name)
                subject.at_key(path, message, "rename one of the two")
