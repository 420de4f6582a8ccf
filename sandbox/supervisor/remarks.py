"""What a person should know about how a project runs here. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.model import Limits, Project, Service, Version, container_only
from sandbox.runtime.docker.hardening import softened
from sandbox.supervisor.wiring import DOCKER, Ground


def remarks(project: Project, ground: Ground) -> tuple[str, ...]:
    """Sentences: what is not as safe as it could be, and what a runtime leaves out."""
    return (*_of_project(project), *_of_services(project, ground))


def _of_project(project: Project) -> Iterator[str]:
    if project.settings.telemetry.auto:
        yield "telemetry.auto is on, so Python services start cold: instrumented libraries can't be forked"


def _of_services(project: Project, ground: Ground) -> tuple[str, ...]:
    return tuple(
        f"{_name(service, version)} {sentence}"
        for service in project.services.values()
        for version in service.versions
        for sentence in _of_version(version, ground.runtime_of(service.name))
    )


def _of_version(version: Version, runtime: str) -> Iterator[str]:
    if runtime == DOCKER:
        if (what := softened(version)) is not None:
            yield f"is {what}"
    elif left_out := (*container_only(version), *_limits(version)):
        yield f"runs as a process, which leaves out {', '.join(left_out)}"


def _limits(version: Version) -> Iterator[str]:
    if version.limits != Limits():
        yield "deploy.resources.limits"


def _name(service: Service, version: Version) -> str:
    return service.name if len(service.versions) == 1 else f"{service.name} {version.name}"
