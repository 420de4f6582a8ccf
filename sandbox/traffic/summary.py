"""What a change changed, in one line: was → is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sandbox.model import Rule, TrafficPolicy
from sandbox.traffic import words
from sandbox.traffic.matching import describe

_LONGEST = 200
_PLAIN = Rule()
_NONE = TrafficPolicy()

_ASPECTS: tuple[tuple[str, Callable[[Rule], str]], ...] = (
    ("backends", lambda rule: words.split(rule.backends)),
    ("fault", lambda rule: words.fault(rule.fault)),
    ("timeouts", lambda rule: words.timeouts(rule.timeouts)),
    ("retry", lambda rule: words.retry(rule.retry)),
    ("mirrors", lambda rule: words.mirrors(rule.mirrors)),
    ("rate_limit", lambda rule: words.limit(rule.rate_limit)),
)
_OTHERS = ("rewrite", "redirect", "direct_response", "request_headers", "response_headers", "cors")
_SETTINGS = {
    "connection_pool": "connection pool",
    "outlier_detection": "outlier detection",
    "load_balancer": "load balancing",
    "session_persistence": "session persistence",
}


def summary(before: Mapping[str, TrafficPolicy], after: Mapping[str, TrafficPolicy]) -> str:
    """ "steamer: v1 50 %, v2 50 % (was v1 90 %, v2 10 %)", of each service that changed."""
    names = [name for name in {**before, **after} if before.get(name, _NONE) != after.get(name, _NONE)]
    parts = [f"{name}: {', '.join(_changes(before.get(name, _NONE), after.get(name, _NONE)))}" for name in names]
    text = "; ".join(parts)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _changes(before: TrafficPolicy, after: TrafficPolicy) -> Iterator[str]:
    if after == _NONE:
        yield "no policy any more"
        return
    found = list(dict.fromkeys(_detailed(before, after)))
    yield from found[:3]
    if len(found) > 3:
        yield f"and {len(found) - 3} more"
    if not found:
        yield "rules in another order"


def _detailed(before: TrafficPolicy, after: TrafficPolicy) -> Iterator[str]:
    was = {rule.matches: rule for rule in before.rules}
    now = {rule.matches: rule for rule in after.rules}
    for matches in dict.fromkeys([*now, *was]):
        yield from _of_rule(was.get(matches), now.get(matches))
    for name, words_for_it in _SETTINGS.items():
        if (value := getattr(after, name)) != getattr(before, name):
            yield f"{words_for_it} {'changed' if value is not None else 'no longer set'}"
    if before.rate_limit != after.rate_limit:
        yield _was(words.limit(after.rate_limit), words.limit(before.rate_limit))
    if before.concurrency != after.concurrency:
        yield f"{after.concurrency} requests at a time" if after.concurrency else "any number of requests at a time"
    for rule in after.authorization:
        if rule not in before.authorization:
            yield words.authorization(rule)
    for rule in before.authorization:
        if rule not in after.authorization:
            yield f"no longer {words.authorization(rule)}"


def _of_rule(was: Rule | None, now: Rule | None) -> Iterator[str]:
    shown = now or was or _PLAIN
    where = f" for {' | '.join(describe(match) for match in shown.matches)}" if shown.matches else ""
    if now is None and shown.matches:
        yield f"no rule{where} any more"
        return
    if was is None and shown.matches:
        told = [words.split(shown.backends)] if shown.backends else []
        yield f"{', '.join([*told, *words.effects(shown)]) or 'a rule'}{where}"
        return
    for name, told_of in _ASPECTS:
        before, after = was or _PLAIN, now or _PLAIN
        if getattr(before, name) != getattr(after, name):
            yield _was(told_of(after) + where, told_of(before))
    for name in _OTHERS:
        if getattr(was or _PLAIN, name) != getattr(now or _PLAIN, name):
            yield f"{name.replace('_', ' ')} changed{where}"


def _was(now: str, before: str) -> str:
    return f"{now} (was {before})"
