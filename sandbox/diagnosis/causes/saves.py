"""A save that broke a service, which may still serve as it was before."""

from __future__ import annotations

from sandbox.control import Cause, Confidence, ServiceStatus, Status
from sandbox.diagnosis.evidence import Evidence
from sandbox.diagnosis.words import ago
from sandbox.events import Kind

_OVER = (
    Kind.SERVICE_RELOADED,
    Kind.RELOAD_FAILED,
    Kind.SERVICE_RESTARTED,
    Kind.PROJECT_STARTING,
)


def bad_save(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    event = evidence.newest(*_OVER, service=service.name)
    if event is None or event.kind is not Kind.RELOAD_FAILED:
        return None
    serves_on = service.ready > 0
    if serves_on and service.status is Status.HEALTHY:
        return None  # taken back without a reload
    report = event.reload
    files = ", ".join(report.files) if report else ""
    saved = f"the save of {files}" if files else "the last reload"
    error = f": {report.error.partition('; the previous')[0]}" if report and report.error else ""
    then = "what ran before serves on" if serves_on else "nothing else serves"
    return Cause(
        kind="bad_save",
        service=service.name,
        message=f"{saved} broke {service.name}{error}; {then}",
        facts=(f"{event.message}, {ago(evidence.at - event.at)}",),
        command=f"mend {report.files[0]} and save it" if report and report.files else f"sandbox logs {service.name}",
        confidence=Confidence.CERTAIN,
        at=event.at,
    )
