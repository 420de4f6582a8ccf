"""How often, when and of which requests an attempt is repeated -> RetryPolicies. Pure.

Envoy chooses what to retry by route, and only idempotent methods may be sent again once they could have reached the
service: so a rule becomes one route for the methods that may, and one for all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, HedgePolicy, RetryPolicy
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import UInt32Value

from sandbox.model import Match, Retry, Rule
from sandbox.proxy.matches import METHOD
from sandbox.proxy.replies import REASON_HEADER
from sandbox.proxy.resource import pack
from sandbox.proxy.values import duration

IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
# Hosts are drawn by lot: with two of them, one draw in a thousand finds none but the one that has just failed.
_HOST_ATTEMPTS = 10
_ENVOYS_BACK_OFF = 0.025  # and ten times that at most
_DEFAULT_RETRY = Retry(attempts=2)
_NEVER_REACHED = "connect-failure,refused-stream,reset-before-request"
_BROKEN = frozenset({"reset", "connect-failure", "refused-stream", "reset-before-request", "5xx", "gateway-error"})
_OTHER_HOST = RetryPolicy.RetryHostPredicate(
    name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(PreviousHostsPredicate())
)
# What the inbound listener answers where a connection to an instance failed: to us no broken connection.
_INBOUND_BROKE = [HeaderMatcher(name=REASON_HEADER, string_match=StringMatcher(contains=flag)) for flag in ("UC", "UF")]


@dataclass(frozen=True, slots=True)
class Part:
    """The requests of a rule with the same retries: `extra` tells them from the others."""

    extra: tuple[HeaderMatcher, ...]
    repeatable: bool


def parts(match: Match, rule: Rule) -> Iterator[Part]:
    """The second part takes what the first left."""
    methods = (*IDEMPOTENT, *(rule.retry.methods if rule.retry is not None else ()))
    if match.method is not None:
        yield Part((), match.method in methods)
        return
    yield Part(tuple(_not(method) for method in methods), repeatable=False)
    yield Part((), repeatable=True)


def retry_policy(rule: Rule, *, repeatable: bool, guarded: bool) -> RetryPolicy:
    """`guarded`: instances are behind the inbound listener."""
    retry = rule.retry or _DEFAULT_RETRY
    conditions = _conditions(retry, guarded=guarded) if repeatable else _NEVER_REACHED
    policy = RetryPolicy(
        retry_on=conditions,
        num_retries=UInt32Value(value=retry.attempts),
        retriable_status_codes=retry.codes if repeatable else (),
        retriable_headers=_INBOUND_BROKE if "retriable-headers" in conditions and guarded else (),
        retry_host_predicate=[] if guarded else [_OTHER_HOST],
        host_selection_retry_max_attempts=0 if guarded else _HOST_ATTEMPTS,
        retry_back_off=_back_off(retry.backoff),
    )
    if rule.retry is not None and rule.timeouts.backend_request:
        policy.per_try_timeout.CopyFrom(duration(rule.timeouts.backend_request))
    return policy


def inbound_retry_policy() -> RetryPolicy:
    """Behind the inbound listener only what provably reached nobody goes to another instance; the rest is for the
    caller's side, which counts attempts."""
    return RetryPolicy(
        retry_on=_NEVER_REACHED,
        num_retries=UInt32Value(value=_DEFAULT_RETRY.attempts),
        retry_host_predicate=[_OTHER_HOST],
        host_selection_retry_max_attempts=_HOST_ATTEMPTS,
    )


def hedging(rule: Rule) -> HedgePolicy | None:
    if rule.retry is None or not rule.retry.hedge or not rule.timeouts.backend_request:
        return None
    return HedgePolicy(hedge_on_per_try_timeout=True)


def _conditions(retry: Retry, *, guarded: bool) -> str:
    chosen = list(retry.on or ("connect-failure", "refused-stream", "reset"))
    if retry.codes and "retriable-status-codes" not in chosen:
        chosen.append("retriable-status-codes")
    if guarded and _BROKEN.intersection(chosen) and "retriable-headers" not in chosen:
        chosen.append("retriable-headers")
    return ",".join(chosen)


def _back_off(seconds: float) -> RetryPolicy.RetryBackOff | None:
    """None where it is what Envoy does by itself: said in every route, it would cost a service 1.3 KB."""
    if seconds == _ENVOYS_BACK_OFF:
        return None
    base = max(0.001, seconds)
    return RetryPolicy.RetryBackOff(base_interval=duration(base), max_interval=duration(base * 10))


def _not(method: str) -> HeaderMatcher:
    # A regular expression would cost 3.5 KB in every route.
    return HeaderMatcher(name=METHOD, string_match=StringMatcher(exact=method), invert_match=True)
