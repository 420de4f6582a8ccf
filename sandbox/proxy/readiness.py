"""Which versions share a rule's traffic. Pure.

A version without a ready instance gets none, unless all that the rule names are without: then it gets what it would,
and is answered for with 503 and its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from sandbox.control import PassedOver
from sandbox.model import BackendRef, Rule, TrafficPolicy
from sandbox.proxy.target import Callee


def shares(rule: Rule, callee: Callee) -> dict[str, int]:
    """The weights that count, by version; empty when every weight is 0."""
    wanted = _wanted(rule, callee)
    ready = {version: weight for version, weight in wanted.items() if version in callee.ready}
    return ready or wanted


def is_ready(version: str, callee: Callee) -> bool:
    return version in callee.ready


def passed_over(service: str, policy: TrafficPolicy, missing: Collection[str]) -> Iterator[PassedOver]:
    """Of every rule that names one of the `missing` versions, which have no ready instance."""
    for number, rule in enumerate(policy.rules, 1):
        wanted = _weights(rule.backends)
        versions = tuple(version for version in wanted if version in missing)
        if versions:
            instead = tuple(version for version in wanted if version not in missing)
            sentence = f"rule {number} of {service}: {_sentence(versions, instead)}"
            yield PassedOver(rule=number, versions=versions, instead=instead, sentence=sentence)


def _sentence(versions: Sequence[str], instead: Sequence[str]) -> str:
    have = "have" if len(versions) > 1 else "has"
    what = f"{' and '.join(versions)} {have} no ready instance"
    if not instead:
        return f"{what}, and it names no other: its requests get 503"
    takes, whose = "take" if len(instead) > 1 else "takes", "their" if len(versions) > 1 else "its"
    return f"{what}; {' and '.join(instead)} {takes} {whose} share"


def _wanted(rule: Rule, callee: Callee) -> dict[str, int]:
    return _weights(rule.backends or tuple(BackendRef(version=version) for version in callee.ready))


def _weights(backends: Iterable[BackendRef]) -> dict[str, int]:
    weights: dict[str, int] = {}
    for backend in backends:
        weights[backend.version] = weights.get(backend.version, 0) + backend.weight
    return {version: weight for version, weight in weights.items() if weight > 0}
