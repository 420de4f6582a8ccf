"""What Envoy refused -> whose policy it came from. Pure.

Envoy's words seldom name a route, so the place is found by what is new since the last configuration that it accepted,
and by which text of a rule its words repeat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sandbox.errors import ProxyError, RefusedPolicyError
from sandbox.model import Rule, TrafficPolicy
from sandbox.proxy.topology import MeshService, Topology

_CLUSTER = re.compile(r"\b(?:edge\|[^|\s]+|undeclared|inbound)\|([^|\s]+)\|")
_LISTENER = "listener: "  # no policy changes any
_NO_POLICY = TrafficPolicy()


def located(error: ProxyError, good: Topology | None, refused: Topology) -> ProxyError:
    """The same, with its place if it is a policy's. `good`: what Envoy accepted last."""
    known = {service.name: service.policy for service in good.services} if good is not None else {}
    changed = [one for one in refused.services if one.policy != known.get(one.name, _NO_POLICY)]
    named = set(_CLUSTER.findall(error.message))
    suspects = [one for one in changed if one.name in named] or changed
    befores = {one.name: known.get(one.name, _NO_POLICY) for one in suspects}
    repeated = max((_repeated(one, befores[one.name], error.message) for one in suspects), default=_NOTHING)
    if repeated > _NOTHING:
        return _refused(error.message, repeated.service, repeated.rule)
    if not suspects or _LISTENER in error.message:
        return error
    if len(suspects) > 1:
        return _refused(error.message, "", None)
    (service,) = suspects
    return _refused(error.message, service.name, _only_new(service, befores[service.name]))


def _refused(words: str, service: str, rule: int | None) -> RefusedPolicyError:
    """rule: its index; None, and no service, where it can't be known."""
    place = "traffic" + (f".{service}" if service else "") + (f".rules[{rule}]" if rule is not None else "")
    hint = "nothing has changed; mend it and try again"
    return RefusedPolicyError(f"Envoy refuses it: {words}", place=place, hint=hint)


class _Repeated(NamedTuple):
    """What Envoy's words have in common with a rule; the more, the larger."""

    length: int  # of the longest text
    service: str
    rule: int


_NOTHING = _Repeated(1, "", 0)  # a single character says nothing


def _repeated(service: MeshService, before: TrafficPolicy, words: str) -> _Repeated:
    """The new rule of which Envoy repeats the longest expression."""
    rules = [(index, rule) for index, rule in enumerate(service.policy.rules) if rule not in before.rules]
    found = (
        _Repeated(len(text), service.name, index)
        for index, rule in rules
        for text in _expressions(rule)
        if text in words
    )
    return max(found, default=_NOTHING)


def _only_new(service: MeshService, before: TrafficPolicy) -> int | None:
    new = [number for number, rule in enumerate(service.policy.rules) if rule not in before.rules]
    return new[0] if len(new) == 1 else None


def _expressions(rule: Rule) -> Iterator[str]:
    for match in rule.matches:
        if match.path is not None:
            yield match.path.value
        yield from (one.value for one in match.headers)
        yield from (one.value for one in match.query_params)
