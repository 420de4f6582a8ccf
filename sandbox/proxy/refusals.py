"""What Envoy refused -> whose policy it came from. Pure.

Envoy's words seldom name a route, so the place is found by what is new since the last configuration that it accepted,
and by which text of a rule its words repeat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sandbox.errors import ProxyError
from sandbox.model import Rule, TrafficPolicy
from sandbox.proxy.topology import MeshService, Topology

_CLUSTER = re.compile(r"\b(?:edge\|[^|\s]+|undeclared|inbound)\|([^|\s]+)\|")
_NO_POLICY = TrafficPolicy()


class RefusedPolicyError(ProxyError):
    """Envoy refuses what a service's policy asks for."""

    code = "policy_refused"

    def __init__(self, words: str, service: str, rule: int | None) -> None:
        """`rule`: counted from 1; None where it can't be known."""
        place = f"traffic of {service}" if rule is None else f"traffic of {service}, rule {rule}"
        super().__init__(f"Envoy refuses it: {words}", place=place, hint="nothing has changed; mend it and try again")
        self.service = service
        self.rule = rule


def located(error: ProxyError, good: Topology | None, refused: Topology) -> ProxyError:
    """The same, with its place if it is a policy's. `good`: what Envoy accepted last."""
    known = {service.name: service.policy for service in good.services} if good is not None else {}
    changed = [one for one in refused.services if one.policy != known.get(one.name, _NO_POLICY)]
    named = set(_CLUSTER.findall(error.message))
    suspects = [one for one in changed if one.name in named] or changed
    found = [(service, rule) for service in suspects if (rule := _repeated(service.policy, error.message)) is not None]
    if found:
        return RefusedPolicyError(error.message, found[0][0].name, found[0][1])
    if len(suspects) != 1:
        return error
    (service,) = suspects
    return RefusedPolicyError(error.message, service.name, _only_new(service, known.get(service.name, _NO_POLICY)))


def _repeated(policy: TrafficPolicy, words: str) -> int | None:
    """The first rule of which Envoy repeats an expression."""
    for number, rule in enumerate(policy.rules, 1):
        if any(len(text) > 1 and text in words for text in _expressions(rule)):
            return number
    return None


def _only_new(service: MeshService, before: TrafficPolicy) -> int | None:
    new = [number for number, rule in enumerate(service.policy.rules, 1) if rule not in before.rules]
    return new[0] if len(new) == 1 else None


def _expressions(rule: Rule) -> Iterator[str]:
    for match in rule.matches:
        if match.path is not None:
            yield match.path.value
        yield from (one.value for one in match.headers)
        yield from (one.value for one in match.query_params)
