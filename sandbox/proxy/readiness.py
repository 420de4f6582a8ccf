"""Which versions share a rule's traffic. Pure.

A version without a ready instance gets none, unless all that the rule names are without: then it gets what it would,
and is answered for with 503 and its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.model import BackendRef, Rule
from sandbox.proxy.target import Callee, numbered


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Versions that a rule sends no traffic to although it names them."""

    service: str
    rule: int  # counted from 1
    versions: tuple[str, ...]
    instead: tuple[str, ...]  # who takes their share; empty: nobody can, requests are answered with 503

    def __str__(self) -> str:
        names = " and ".join(self.versions)
        have = "have no ready instance" if len(self.versions) > 1 else "has no ready instance"
        if self.instead:
            return f"rule {self.rule} of {self.service}: {names} {have}; {' and '.join(self.instead)} takes its share"
        return f"rule {self.rule} of {self.service}: {names} {have}, and it names no other: its requests get 503"


def shares(rule: Rule, callee: Callee) -> dict[str, int]:
    """The weights that count, by version; empty when every weight is 0."""
    wanted = _wanted(rule, callee)
    ready = {version: weight for version, weight in wanted.items() if version in callee.ready}
    return ready or wanted


def is_ready(version: str, callee: Callee) -> bool:
    return version in callee.ready


def passed_over(callee: Callee, has_instances: bool = True) -> Iterator[PassedOver]:
    """`has_instances`: any version has a ready one; `ready` names all where none has."""
    for one in numbered(callee.service.policy):
        if one.number is None or not one.rule.backends:
            continue
        wanted = _wanted(one.rule, callee)
        missing = tuple(version for version in wanted if version not in callee.ready or not has_instances)
        if missing:
            instead = tuple(version for version in wanted if version not in missing)
            yield PassedOver(service=callee.service.name, rule=one.number, versions=missing, instead=instead)


def _wanted(rule: Rule, callee: Callee) -> dict[str, int]:
    weights: dict[str, int] = {}
    for backend in rule.backends or tuple(BackendRef(version=version) for version in callee.ready):
        weights[backend.version] = weights.get(backend.version, 0) + backend.weight
    return {version: weight for version, weight in weights.items() if weight > 0}
