"""Connections that fail although the instance is ready: what Envoy's response flags tell."""

from __future__ import annotations

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.words import requests
from sandbox.model.flags import flag_words

_BROKEN = ("UF", "UC", "UR", "LR", "UPE")


_LEFT, _UNANSWERED = "DC", "0"
WORTH_TELLING = 0.01


def no_answer(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    """The caller left before there was any: what never ends is in no latency. One that left amid an answer, as those
    of streams do, has had enough of it."""
    left, asked = _left(edge), edge.rate(Metric.REQUESTS)
    service = evidence.service(edge.callee)
    if service is None or not service.ready or not left or left < WORTH_TELLING * asked:
        return None
    if any(_left(one) >= left / 2 for one in evidence.out_of(edge.callee)):
        return None  # it waits itself
    waiting = edge.values.get(Metric.ACTIVE)
    return Cause(
        kind="no_answer",
        service=edge.callee,
        message=f"{edge.callee} does not answer some requests: {edge.caller} gives up waiting for it",
        facts=(
            f"{requests(left)} from {edge.caller}: {flag_words(_LEFT)}",
            *([f"{waiting:.3g} requests are open at a time"] if waiting else []),
        ),
        command=f"sandbox logs {edge.callee} --tail 20",
        confidence=Confidence.CERTAIN,
    )


def _left(edge: EdgeNumbers) -> float:
    return min(edge.flagged(_LEFT), edge.codes.get(_UNANSWERED, 0.0))


def broken_connections(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    found = {flag: rate for flag in _BROKEN if (rate := edge.flagged(flag))}
    service = evidence.service(edge.callee)
    if not found or service is None or not service.ready:
        return None
    worst = max(found, key=lambda flag: found[flag])
    return Cause(
        kind="broken_connections",
        service=edge.callee,
        message=f"{edge.callee} is ready, and connections to it break: {flag_words(worst)}",
        facts=tuple(f"{requests(rate)} from {edge.caller}: {flag_words(flag)}" for flag, rate in found.items()),
        command=f"sandbox logs {edge.callee} --tail 20",
        confidence=Confidence.CERTAIN,
    )
