"""What a traffic policy means for one edge."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.diagnosis.evidence import Evidence
from sandbox.model import Rule


def rule_name(rule: Rule, index: int) -> str:
    return f"rule {index + 1}" + (f" ({rule.name})" if rule.name else "")


def fits_caller(rule: Rule, caller: str) -> bool:
    """Whether some requests of the caller may come to it."""
    return not rule.matches or any(not match.callers or caller in match.callers for match in rule.matches)


def rules_for(evidence: Evidence, caller: str, callee: str) -> Iterator[tuple[str, Rule]]:
    """Those that requests of the caller may come to, up to the first that takes them all."""
    policy = evidence.policies.get(callee)
    for index, rule in enumerate(policy.rules if policy else ()):
        if fits_caller(rule, caller):
            yield rule_name(rule, index), rule
        if not rule.matches or any(match.is_everything for match in rule.matches):
            return
