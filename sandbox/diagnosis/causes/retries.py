"""Retries that make things worse."""

from __future__ import annotations

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.policies import rules_for
from sandbox.diagnosis.words import counted, percent, requests, seconds

AMPLIFIES = 0.5
"""Retries for each request from which they are a load of their own."""


def retries_exhaust_deadline(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    """All tries together take longer than the whole request may: the last ones never come to an end."""
    if not edge.rate(Metric.TIMEOUTS) or not edge.rate(Metric.RETRIES):
        return None
    for name, rule in rules_for(evidence, edge.caller, edge.callee):
        whole, one, retry = rule.timeouts.request, rule.timeouts.backend_request, rule.retry
        if whole is None or retry is None or not retry.attempts:
            continue
        tries = retry.attempts + 1
        if one is None or one * tries > whole:
            needed = f"{tries} tries of {seconds(one)}" if one else f"{tries} tries without a limit of their own"
            return Cause(
                kind="retries_exhaust_deadline",
                service=edge.callee,
                message=f"retries of {edge.caller}'s requests to {edge.callee} use up the whole time limit of "
                f"{seconds(whole)}",
                facts=(
                    f"{name} of {edge.callee}'s traffic policy allows {needed} within {seconds(whole)}",
                    f"{requests(edge.rate(Metric.TIMEOUTS))} run out of time; "
                    f"{counted(edge.rate(Metric.RETRIES), 'retries')}",
                ),
                command=f"sandbox traffic retry {edge.callee} {_fewer(whole, one)}",
                confidence=Confidence.CERTAIN,
            )
    return None


def _fewer(whole: float, one: float | None) -> int:
    return max(0, int(whole / one) - 1) if one else 0


def retries_amplify(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    retries, asked = edge.rate(Metric.RETRIES), edge.rate(Metric.REQUESTS)
    if not asked or retries / asked < AMPLIFIES:
        return None
    if evidence.changed_lately and not any(rule.retry for _, rule in rules_for(evidence, edge.caller, edge.callee)):
        return None  # taken back meanwhile
    return Cause(
        kind="retries_amplify",
        service=edge.callee,
        message=f"retries multiply {edge.caller}'s load on {edge.callee} by {1 + retries / asked:.2g}",
        facts=(
            f"{requests(asked)} became {counted(asked + retries, 'tries')}",
            f"{percent(edge.share(Metric.ERRORS))} of the requests fail all the same",
        ),
        command=f"sandbox traffic retry {edge.callee} 1",
        confidence=Confidence.CERTAIN,
    )
