"""Services that ended by themselves with exit code 0: jobs that are done, and those that should have gone on."""

from __future__ import annotations

from sandbox.control import ServiceStatus, Status
from sandbox.model import Condition, Project, RestartPolicy, Service


def jobs(project: Project) -> frozenset[str]:
    """The services that are declared to end: never started again, or waited for until they are done."""
    awaited = {
        dependency.service
        for service in project.services.values()
        for dependency in service.depends_on
        if dependency.condition is Condition.COMPLETED
    }
    return frozenset(name for name, service in project.services.items() if name in awaited or _runs_once(service))


def _runs_once(service: Service) -> bool:
    return all(version.restart is RestartPolicy.NO for version in service.versions)


def has_ended(service: ServiceStatus) -> bool:
    """Not those stopped by hand, which have no instances."""
    return service.status is Status.STOPPED and bool(service.instances)


def should_go_on(declared_jobs: frozenset[str], service: ServiceStatus) -> bool:
    """Others call it, and nothing says that it is a job."""
    return bool(service.ports) and service.name not in declared_jobs
