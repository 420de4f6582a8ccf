"""Which requests pass the inbound listener on their way to instances. Pure.

Listeners never change, so whatever a rule may ask for would have to be in each of them from the start, at several
kilobytes each; and a limit for all callers together can only be kept where all of them pass. So filters stand in one
inbound listener, and only the requests that need one take this way: they pass Envoy twice.
"""

from __future__ import annotations

from sandbox.model import RateLimit, Rule, TrafficPolicy
from sandbox.proxy.faults import injected
from sandbox.proxy.target import numbered


def is_guarded(rule: Rule, policy: TrafficPolicy) -> bool:
    for_all = policy.concurrency is not None or policy.session_persistence is not None
    return for_all or limit_of(rule, policy) is not None or rule.cors is not None or injected(rule.fault) is not None


def guards(policy: TrafficPolicy) -> bool:
    """Whether any of its rules does."""
    return any(is_guarded(one.rule, policy) for one in numbered(policy))


def limit_of(rule: Rule, policy: TrafficPolicy) -> RateLimit | None:
    """The rule's own goes before the service's."""
    return rule.rate_limit or policy.rate_limit
