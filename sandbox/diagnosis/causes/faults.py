"""Faults that somebody injected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.policies import fits_caller, rule_name
from sandbox.diagnosis.words import ago, requests, seconds
from sandbox.events import Kind
from sandbox.model import Abort, Fault

JUST_NOW = 120.0
"""Seconds since a fault was injected in which it is what changed."""

NOTICED = 0.05
"""The share of requests that a fault hits from which it explains what people see."""

_AT_ONCE = 2.0
"""Seconds within which a change of a policy and the fault in it are told."""

_OF_POLICIES = frozenset(
    ["timeout_short", "retries_exhaust_deadline", "retries_amplify", "circuit_open", "rate_limited", "denied"]
)


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


def newest_fault(evidence: Evidence, causes: Iterable[Cause]) -> Cause | None:
    """That was injected a moment ago, and hits a share of the requests that people notice."""
    found = [
        cause
        for cause in causes
        if cause.kind == "fault_injected"
        and cause.at is not None
        and evidence.at - cause.at <= JUST_NOW
        and any(_hit_share(edge) >= _noticed(evidence, cause.at) for edge in evidence.into(cause.service or ""))
    ]
    return max(found, key=lambda cause: cause.at or 0.0, default=None)


def _noticed(evidence: Evidence, since: float) -> float:
    """Of numbers that are of a time before the fault, too."""
    return NOTICED * min(1.0, max(0.0, evidence.at - since) / evidence.seconds)


def _hit_share(edge: EdgeNumbers) -> float:
    asked = edge.rate(Metric.REQUESTS)
    hit = max(edge.rate(Metric.FAULTS), edge.flagged("FI") + edge.flagged("DI"))
    return hit / asked if asked else 0.0


def is_older(evidence: Evidence, cause: Cause, fault: Cause) -> bool:
    """Whether it comes of a policy that was in force before the fault, so that the fault is what changed."""
    if cause.kind not in _OF_POLICIES or fault.at is None:
        return False
    changes = (one for one in evidence.events if one.kind is Kind.POLICY_APPLIED and one.at > fault.at + _AT_ONCE)
    return not any(one.service in (None, cause.service) for one in changes)


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
