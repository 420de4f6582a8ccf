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
    found = _limit(evidence, edge)
    if found is None:
        return None  # taken back meanwhile
    limit, option, where = found
    half = edge.latency(Metric.P50)
    measured = [f"half of the tries take no longer than {milliseconds(half)}"] if half and half < limit * 900 else []
    return Cause(
        kind="timeout_short",
        service=edge.callee,
        message=f"the time limit of {seconds(limit)} for {edge.caller}'s requests to {edge.callee} "
        "is shorter than its p99",
        facts=(
            f"{requests(cut)} are cut by it: {percent(cut / tries)} of all tries, so more than one in a hundred",
            f"the limit is set by {where} of {edge.callee}'s traffic policy",
            *measured,
        ),
        command=f"sandbox traffic timeout {edge.callee} {option}{_longer(limit)}",
        confidence=Confidence.CERTAIN,
    )


def _limit(evidence: Evidence, edge: EdgeNumbers) -> tuple[float, str, str] | None:
    """The shortest that is in force: seconds, how it is named on the command line, whose rule it is."""
    found = [
        (limit, option, name)
        for name, rule in rules_for(evidence, edge.caller, edge.callee)
        for option, limit in (("--attempt ", rule.timeouts.backend_request), ("", rule.timeouts.request))
        if limit is not None
    ]
    return min(found, default=None)


def _longer(limit: float) -> str:
    return f"{max(1, round(limit * 5))}s"
