"""Faults that somebody injected."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.policies import fits_caller, rule_name
from sandbox.diagnosis.words import ago, requests, seconds
from sandbox.events import Kind
from sandbox.model import Abort, Fault


def fault_injected(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    """Certain where Envoy counted some; likely where its count is not known. One that is taken back is no cause."""
    hit = edge.rate(Metric.FAULTS) or edge.flagged("FI") + edge.flagged("DI")
    found = list(_in_force(evidence, edge))
    known = edge.values.get(Metric.FAULTS) is not None
    if not found or (not hit and (known or not edge.rate(Metric.REQUESTS))):
        return None
    event = evidence.newest(Kind.FAULT_INJECTED, service=edge.callee)
    return Cause(
        kind="fault_injected",
        service=edge.callee,
        message=f"somebody injected a fault into {edge.callee}: {found[0][1]}",
        facts=(
            *(f"{name} of its traffic policy has the fault: {what}" for name, what in found),
            *([f"it hits {requests(hit)} from {edge.caller}"] if hit else []),
            *([f"it was injected {ago(evidence.at - event.at)}"] if event else []),
        ),
        command=f"sandbox traffic clear {edge.callee} fault",
        confidence=Confidence.CERTAIN if hit else Confidence.LIKELY,
        at=event.at if event else None,
    )


def fault_over(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    """For what still fails in the numbers when its fault was taken back within them."""
    hit = edge.rate(Metric.FAULTS) or edge.flagged("FI")
    event = evidence.newest(Kind.FAULT_REMOVED, service=edge.callee)
    if not hit or event is None or evidence.at - event.at > evidence.seconds:
        return None
    return Cause(
        kind="fault_over",
        service=edge.callee,
        message=f"a fault was injected into {edge.callee}, and was taken back {ago(evidence.at - event.at)}",
        facts=(f"it hit {requests(hit)} from {edge.caller}, of the last {evidence.seconds:.0f} s",),
        command=f"sandbox why {edge.callee}",
        confidence=Confidence.LIKELY,
        at=event.at,
    )


def _in_force(evidence: Evidence, edge: EdgeNumbers) -> Iterator[tuple[str, str]]:
    policy = evidence.policies.get(edge.callee)
    for index, rule in enumerate(policy.rules if policy else ()):
        if rule.fault is not None and fits_caller(rule, edge.caller):
            yield rule_name(rule, index), fault_words(rule.fault)


def fault_words(fault: Fault) -> str:
    parts = []
    if fault.delay is not None:
        parts.append(f"{_share(fault.delay.percentage)} come {seconds(fault.delay.fixed)} later")
    if fault.abort is not None:
        parts.append(f"{_share(fault.abort.percentage)} get {_abort(fault.abort)}")
    return " and ".join(parts) or "none"


def _abort(abort: Abort) -> str:
    if abort.reset:
        return "a reset connection"
    return f"gRPC status {abort.grpc_status}" if abort.grpc_status is not None else f"{abort.http_status}"


def _share(percentage: float) -> str:
    return "all requests" if percentage >= 100 else f"{percentage:g} % of the requests"
