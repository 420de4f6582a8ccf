"""A time limit that the callee can't meet."""

from __future__ import annotations

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.policies import rules_for
from sandbox.diagnosis.words import milliseconds, percent, requests, seconds

MOST_TIMEOUTS = 0.01


def timeout_short(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    """More than one try in a hundred is cut: then the callee's p99 is above the limit, by the meaning of p99."""
    cut, tries = edge.rate(Metric.TIMEOUTS), edge.rate(Metric.REQUESTS) + edge.rate(Metric.RETRIES)
    if not cut or not tries or cut / tries <= MOST_TIMEOUTS:
        return None
    limit = _limit(evidence, edge)
    time, where = (f" of {seconds(limit[1])}", limit[0]) if limit else ("", "")
    p99 = edge.latency(Metric.P99)
    measured = [f"of what was answered in time, p99 is {milliseconds(p99)}"] if p99 is not None else []
    return Cause(
        kind="timeout_short",
        service=edge.callee,
        message=f"the time limit{time} for {edge.caller}'s requests to {edge.callee} is shorter than its p99",
        facts=(
            f"{requests(cut)} are cut by it: {percent(cut / tries)} of all tries, so more than one in a hundred",
            *([f"the limit is set by {where} of {edge.callee}'s traffic policy"] if where else []),
            *measured,
        ),
        command=f"sandbox traffic timeout {edge.callee} --request {_longer(limit[1] if limit else None)}",
        confidence=Confidence.CERTAIN if limit else Confidence.LIKELY,
    )


def _limit(evidence: Evidence, edge: EdgeNumbers) -> tuple[str, float] | None:
    """The shortest that is in force: whose rule it is, and the seconds."""
    found = [
        (limit, name)
        for name, rule in rules_for(evidence, edge.caller, edge.callee)
        for limit in (rule.timeouts.backend_request, rule.timeouts.request)
        if limit is not None
    ]
    shortest = min(found, default=None)
    return (shortest[1], shortest[0]) if shortest else None


def _longer(limit: float | None) -> str:
    return "5s" if limit is None else f"{max(1, round(limit * 5))}s"
