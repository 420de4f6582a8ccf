"""Requests that authorization refuses."""

from __future__ import annotations

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.words import requests
from sandbox.model import AuthorizationAction, AuthorizationRule


def denied(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    refused = edge.rate(Metric.DENIED)
    if not refused:
        return None
    policy = evidence.policies.get(edge.callee)
    rules = [_words(rule) for rule in (policy.authorization if policy else ())]
    service = evidence.service(edge.caller)
    undeclared = evidence.declared_only and service is not None and edge.callee not in service.depends_on
    if not rules and not undeclared:
        return None  # taken back meanwhile
    by_rule = any(rule.action is AuthorizationAction.DENY for rule in (policy.authorization if policy else ()))
    return Cause(
        kind="denied",
        service=edge.callee,
        message=f"{edge.caller} may not call {edge.callee}: authorization refuses it",
        facts=(
            f"{requests(refused)} are answered 403",
            *([f"mesh.authorization is declared, and {edge.caller} does not declare it"] if undeclared else []),
            *(f"authorization of its traffic policy: {rule}" for rule in rules),
        ),
        command=_command(edge, undeclared=undeclared, by_rule=by_rule),
        confidence=Confidence.CERTAIN,
    )


def _command(edge: EdgeNumbers, *, undeclared: bool, by_rule: bool) -> str:
    if undeclared:
        return f"add {edge.callee} to depends_on of {edge.caller}"
    if by_rule:
        return f"sandbox traffic clear {edge.callee} deny"
    return f"sandbox traffic allow {edge.callee} --from {edge.caller}"


def _words(rule: AuthorizationRule) -> str:
    allows = rule.action is AuthorizationAction.ALLOW
    parts = [
        f"from {', '.join(rule.callers)}" if rule.callers else "from anybody",
        *([", ".join(rule.methods)] if rule.methods else []),
        *([", ".join(rule.paths)] if rule.paths else []),
    ]
    return f"{'allows' if allows else 'denies'} {' '.join(parts)}"
