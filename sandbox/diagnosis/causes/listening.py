"""A service that runs, but listens where nobody calls it."""

from __future__ import annotations

import re

from sandbox.control import Cause, Confidence, InstanceStatus, ServiceStatus
from sandbox.diagnosis.evidence import Evidence

_ELSEWHERE = re.compile(r"it listens on (?P<found>[^;]+?) instead of (?P<wanted>\S+?);")


def listens_elsewhere(evidence: Evidence, service: ServiceStatus) -> Cause | None:
    ill = next((one for one in service.instances if one.reason and _ELSEWHERE.search(one.reason)), None)
    if ill is None or service.ready:
        return None
    return _cause(service, ill)


def _cause(service: ServiceStatus, instance: InstanceStatus) -> Cause:
    found = _ELSEWHERE.search(instance.reason or "")
    assert found is not None
    port = found["wanted"].rpartition(":")[2]
    on_port = any(place.rpartition(":")[2] == port for place in found["found"].split(", "))
    what, variable = ("address", "HOST") if on_port else ("port", "PORT")
    return Cause(
        kind="listens_elsewhere",
        service=service.name,
        message=f"{service.name} listens on another {what} than it was given: {found['found']}",
        facts=(
            f"{instance.id} is called on {found['wanted']}, and nothing listens there",
            f"its ports in sandbox.yaml: {', '.join(service.ports)}; which one it has here is in PORT",
        ),
        command=f"have {service.name} listen on the {what} in the variable {variable}; it reloads when you save",
        confidence=Confidence.CERTAIN,
    )
