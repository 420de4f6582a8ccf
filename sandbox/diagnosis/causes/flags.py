"""Connections that fail although the instance is ready: what Envoy's response flags tell."""

from __future__ import annotations

from sandbox.control import Cause, Confidence
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.words import requests
from sandbox.model.flags import flag_words

_BROKEN = ("UF", "UC", "UR", "LR", "UPE")


def broken_connections(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    found = {flag: rate for flag in _BROKEN if (rate := edge.flags.get(flag, 0.0))}
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
