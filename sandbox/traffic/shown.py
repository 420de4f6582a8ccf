"""A policy as a table: one row a rule, in words."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.control import ShownRule
from sandbox.model import Rule, TrafficPolicy
from sandbox.traffic import words
from sandbox.traffic.matching import describe
from sandbox.traffic.router import rule_name

_SETTINGS = {
    "connection_pool": "connection pool",
    "outlier_detection": "outlier detection",
    "load_balancer": "load balancing",
    "session_persistence": "session persistence",
}


def shown(policy: TrafficPolicy) -> tuple[ShownRule, ...]:
    rules = [_rule(rule, index) for index, rule in enumerate(policy.rules)]
    beside = tuple(_beside(policy))
    return (
        *rules,
        *([ShownRule(name="all rules", requests="every request", goes_to="", effects=beside)] if beside else []),
    )


def _rule(rule: Rule, index: int) -> ShownRule:
    return ShownRule(
        name=rule_name(rule, index),
        requests=" | ".join(describe(match) for match in rule.matches) or "every request",
        goes_to=_goes_to(rule),
        effects=tuple(words.effects(rule)),
    )


def _goes_to(rule: Rule) -> str:
    """Redirects and answers of its own are effects."""
    return "" if rule.redirect is not None or rule.direct_response is not None else words.split(rule.backends)


def _beside(policy: TrafficPolicy) -> Iterator[str]:
    for name, told in _SETTINGS.items():
        if getattr(policy, name) is not None:
            yield told
    if policy.rate_limit is not None:
        yield f"rate limit: {words.limit(policy.rate_limit)}"
    if policy.concurrency is not None:
        yield f"{policy.concurrency} requests at a time"
    yield from map(words.authorization, policy.authorization)
