"""Requests that are refused because there are too many."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.control import Cause, Confidence, Metric
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence
from sandbox.diagnosis.policies import rules_for
from sandbox.diagnosis.words import percent, requests, seconds
from sandbox.model import LimitBy, RateLimit


def rate_limited(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    refused = edge.rate(Metric.RATE_LIMITED) or edge.flagged("RL")
    if not refused:
        return None
    limits = list(_rate_limits(evidence, edge))
    if not limits:
        return None  # taken back meanwhile
    return Cause(
        kind="rate_limited",
        service=edge.callee,
        message=f"a rate limit refuses requests from {edge.caller} to {edge.callee}: {limits[0][1]}",
        facts=(
            f"{requests(refused)} are answered 429",
            *(f"{place} of {edge.callee}'s traffic policy: {words}" for place, words in limits),
        ),
        command=f"sandbox traffic clear {edge.callee} limit",
        confidence=Confidence.CERTAIN,
    )


def _rate_limits(evidence: Evidence, edge: EdgeNumbers) -> Iterator[tuple[str, str]]:
    policy = evidence.policies.get(edge.callee)
    if policy is not None and policy.rate_limit is not None:
        yield "rateLimit", _limit_words(policy.rate_limit)
    for name, rule in rules_for(evidence, edge.caller, edge.callee):
        if rule.rate_limit is not None:
            yield name, _limit_words(rule.rate_limit)


def _limit_words(limit: RateLimit) -> str:
    each = {LimitBy.CALLER: " for each caller", LimitBy.HEADER: f" for each {limit.header}"}.get(limit.by, "")
    count = "1 request" if limit.requests == 1 else f"{limit.requests} requests"
    return f"{count} in {seconds(limit.per)}{each}"


def circuit_open(evidence: Evidence, edge: EdgeNumbers) -> Cause | None:
    refused = edge.rate(Metric.OVERFLOWS) or edge.flagged("UO")
    if not refused:
        return None
    limits = list(_pool_limits(evidence, edge.callee))
    if not limits and evidence.changed_lately:
        return None  # taken back meanwhile
    key = "limit" if _is_limited(evidence, edge.callee) else "connectionPool"
    return Cause(
        kind="circuit_open",
        service=edge.callee,
        message=f"the circuit to {edge.callee} is open: it has more requests at a time than it may have",
        facts=(
            f"{requests(refused)} from {edge.caller} are refused before they are sent, "
            f"{percent(edge.share(Metric.OVERFLOWS))} of all",
            *limits,
        ),
        command=f"sandbox traffic {f'clear {edge.callee} {key}' if limits else f'get {edge.callee}'}",
        confidence=Confidence.CERTAIN if limits else Confidence.LIKELY,
    )


def _is_limited(evidence: Evidence, callee: str) -> bool:
    policy = evidence.policies.get(callee)
    return policy is not None and policy.concurrency is not None


def _pool_limits(evidence: Evidence, callee: str) -> Iterator[str]:
    policy = evidence.policies.get(callee)
    if policy is None:
        return
    if policy.concurrency is not None:
        yield f"concurrency of its traffic policy: {policy.concurrency} at a time"
    if policy.connection_pool is not None:
        for key in ("max_connections", "max_pending_requests", "max_requests", "max_retries"):
            if (limit := getattr(policy.connection_pool, key)) is not None:
                yield f"connectionPool of its traffic policy: {_camel(key)} {limit}"


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)
