"""What a change would move, told from requests that were recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.control import RequestHead, Rerouted
from sandbox.model import Rule, TrafficPolicy
from sandbox.traffic import words
from sandbox.traffic.router import Callee, Decision, decide

Policies = Mapping[str, TrafficPolicy]

_NONE = TrafficPolicy()

MOST = 5000
"""Requests that are looked at, the newest: 20 µs each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The head of a request that came by; without bodies, and without headers that hold secrets."""

    at: float  # seconds since the epoch
    head: RequestHead


def what_if(
    recorded: Sequence[Recorded], before: Policies, after: Policies, callee: Callable[[str], Callee | None], now: float
) -> Rerouted:
    """How many would be answered elsewhere. Of requests that are split, the expected number."""
    looked = recorded[-MOST:]
    moved: defaultdict[tuple[str, str], float] = defaultdict(float)
    for one in looked:
        if (known := callee(one.head.service)) is not None:
            name = one.head.service
            first = decide(before.get(name, _NONE), one.head, known)
            then = decide(after.get(name, _NONE), one.head, known)
            for way, share in _moves(_places(first, known), _places(then, known)):
                moved[way] += share
    most = sorted(moved.items(), key=lambda one: -one[1])
    rounded = ((source, target, round(count)) for (source, target), count in most)
    return Rerouted(
        requests=len(looked),
        seconds=now - looked[0].at if looked else 0.0,
        moved=tuple(one for one in rounded if one[2]),
    )


def may_move(before: Policies, after: Policies, names: Sequence[str]) -> bool:
    """Whether some request to one of these could be answered elsewhere, and not only in another way: of a delay, "none
    would go elsewhere" would read as if it did nothing."""
    return any(_may_move(before.get(name, _NONE), after.get(name, _NONE)) for name in names)


def _may_move(before: TrafficPolicy, after: TrafficPolicy) -> bool:
    if before.authorization != after.authorization:
        return True
    kinds = [_kind(rule) for rule in (*before.rules, *after.rules, Rule())]
    alike = all(kind == kinds[0] for kind in kinds)
    return not alike and _ways(before) != _ways(after)


def _ways(policy: TrafficPolicy) -> list[object]:
    return [(rule.matches, _kind(rule)) for rule in policy.rules]


def _kind(rule: Rule) -> object:
    return rule.backends, rule.redirect, rule.direct_response, rule.fault.abort if rule.fault else None


def _places(decision: Decision, callee: Callee) -> dict[str, float]:
    """Where it is answered, and with what probability."""
    if decision.denied:
        return {f"403 from the proxy, for {callee.name}": 1.0}
    if decision.rule.redirect is not None:
        return {words.redirect(decision.rule.redirect): 1.0}
    if decision.rule.direct_response is not None:
        return {f"{decision.rule.direct_response.status} from the proxy, for {callee.name}": 1.0}
    places = {f"{callee.name} {version}": share for version, share in decision.backends}
    return _with_fault(decision, places or {f"503 from the proxy, for {callee.name}": 1.0}, callee)


def _with_fault(decision: Decision, places: dict[str, float], callee: Callee) -> dict[str, float]:
    fault = decision.rule.fault
    if fault is None or fault.abort is None or not fault.abort.percentage:
        return places
    aborted = fault.abort.percentage / 100
    kept = {place: share * (1 - aborted) for place, share in places.items()}
    return {**kept, f"{words.abort(fault.abort)} by a fault, for {callee.name}": aborted}


def _moves(before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[tuple[tuple[str, str], float]]:
    """The least that has to move to get from one distribution to the other."""
    less = {place: share - after.get(place, 0.0) for place, share in before.items() if share > after.get(place, 0.0)}
    more = {place: share - before.get(place, 0.0) for place, share in after.items() if share > before.get(place, 0.0)}
    whole = sum(more.values())
    for source, lost in less.items():
        for target, gained in more.items():
            yield (source, target), lost * gained / whole


def unrecorded(policies: Policies, names: Sequence[str], recorded: frozenset[str]) -> tuple[str, ...]:
    """Headers that rules of these services look at and recorded requests do not have."""
    rules = (rule for name in names for rule in policies.get(name, _NONE).rules)
    headers = {header.name for rule in rules for match in rule.matches for header in match.headers}
    return tuple(sorted(headers - recorded))
