"""Policies in a few words: for summaries of changes, for explanations, for findings."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.model import (
    Abort,
    AuthorizationRule,
    BackendRef,
    Fault,
    Mirror,
    PathModifier,
    RateLimit,
    Redirect,
    Retry,
    Rule,
    Timeouts,
)


def seconds(value: float) -> str:
    """ "250 ms", "2 s"."""
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def percent(value: float) -> str:
    return f"{value:.3g} %"


def split(refs: tuple[BackendRef, ...]) -> str:
    whole = sum(ref.weight for ref in refs)
    if not refs:
        return "all versions alike"
    if len(refs) == 1:
        return refs[0].version
    return ", ".join(f"{ref.version} {percent(100 * ref.weight / whole if whole else 0)}" for ref in refs)


def shares(backends: tuple[tuple[str, float], ...]) -> str:
    if len(backends) == 1:
        return backends[0][0]
    return ", ".join(f"{version} {percent(share * 100)}" for version, share in backends)


def fault(value: Fault | None) -> str:
    if value is None:
        return "no fault"
    parts = []
    if value.delay is not None:
        parts.append(f"{seconds(value.delay.fixed)} later{_of(value.delay.percentage)}")
    if value.abort is not None:
        parts.append(f"{abort(value.abort)}{_of(value.abort.percentage)}")
    return " and ".join(parts) or "no fault"


def abort(value: Abort) -> str:
    if value.reset:
        return "a reset connection"
    return f"gRPC status {value.grpc_status}" if value.grpc_status is not None else f"{value.http_status}"


def _of(percentage: float) -> str:
    return "" if percentage == 100 else f" for {percent(percentage)}"


def timeouts(value: Timeouts) -> str:
    named = (("", value.request), (" an attempt", value.backend_request), (" idle", value.idle))
    return ", ".join(f"{seconds(limit)}{name}" for name, limit in named if limit) or "no time limit"


def retry(value: Retry | None) -> str:
    if value is None:
        return "no retries"
    causes = [*map(str, value.codes), *value.on]
    again = "tried once more" if value.attempts == 1 else f"tried {value.attempts} times more"
    return f"{again} after {', '.join(causes)}" if causes else again


def mirrors(value: tuple[Mirror, ...]) -> str:
    return ", ".join(f"copied to {one.version}{_of(one.percentage)}" for one in value) or "not copied"


def limit(value: RateLimit | None) -> str:
    if value is None:
        return "no rate limit"
    by = {"all": "", "caller": " for each caller", "header": f" for each {value.header}"}[value.by]
    burst = f", {value.burst} at once" if value.burst not in (None, value.requests) else ""
    return f"{value.requests} in {seconds(value.per)}{burst}{by}"


def redirect(value: Redirect) -> str:
    host = value.hostname or "the same host"
    return f"{value.status} redirect to {value.scheme + '://' if value.scheme else ''}{host}{path(value.path)}"


def path(value: PathModifier | None) -> str:
    return (value.replace_full or value.replace_prefix or "") if value is not None else ""


def authorization(rule: AuthorizationRule) -> str:
    who = " or ".join(rule.callers) or "anybody"
    what = " ".join(filter(None, [" or ".join(rule.methods), " or ".join(rule.paths)])) or "everything"
    return f"{rule.action.lower()} {who}: {what}"


def effects(rule: Rule) -> Iterator[str]:
    """Everything a rule does beside choosing versions."""
    if rule.fault is not None:
        yield f"fault: {fault(rule.fault)}"
    if rule.timeouts != Timeouts():
        yield f"time limit: {timeouts(rule.timeouts)}"
    if rule.retry is not None:
        yield retry(rule.retry)
    if rule.rate_limit is not None:
        yield f"rate limit: {limit(rule.rate_limit)}"
    if rule.mirrors:
        yield mirrors(rule.mirrors)
    if rule.rewrite is not None:
        yield "rewritten"
    if rule.redirect is not None:
        yield redirect(rule.redirect)
    if rule.direct_response is not None:
        yield f"answered with {rule.direct_response.status}"
    if rule.request_headers is not None or rule.response_headers is not None:
        yield "headers changed"
    if rule.cors is not None:
        yield "CORS"
