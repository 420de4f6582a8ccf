"""Where a request goes: a policy and a request's head in, a decision out. Agrees with Envoy (tests/proxy)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.control import RequestHead
from sandbox.model import (
    AuthorizationAction,
    AuthorizationRule,
    BackendRef,
    Match,
    Rule,
    TrafficPolicy,
)
from sandbox.traffic.matching import objection

_EVERY_REQUEST = (Match(),)
_OTHERWISE = Rule()
"""What no rule fits goes to all versions alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """A service as the router must know it."""

    name: str
    versions: tuple[str, ...]
    ready: frozenset[str] | None = None  # versions with an instance that takes traffic; None: not known
    declared: frozenset[str] | None = None  # callers that may call it; None: anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    rule: int | None  # index; None: no rule fitted, and all versions get it
    fits: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """rule: what holds when it gets that far; `denied` and the rule's own answers come before any backend."""

    rule: Rule
    index: int | None  # of the rule in its policy; None: none fits
    backends: tuple[tuple[str, float], ...]  # (version, share); shares sum up to 1. Empty: no version gets it
    denied: str = ""  # why authorization refuses it
    tried: tuple[Tried, ...] = ()

    @property
    def answers_itself(self) -> bool:
        return bool(self.denied) or self.rule.redirect is not None or self.rule.direct_response is not None


def decide(policy: TrafficPolicy, head: RequestHead, callee: Callee) -> Decision:
    tried = tuple(_tried(policy.rules, head))
    index = tried[-1].rule
    rule = policy.rules[index] if index is not None else _OTHERWISE
    return Decision(
        rule=rule,
        index=index,
        backends=backends_of(rule, callee),
        denied=refusal(policy, head, callee),
        tried=tried,
    )


def _tried(rules: Sequence[Rule], head: RequestHead) -> Iterator[Tried]:
    """In order, up to the one that holds."""
    for index, rule in enumerate(rules):
        objections = [objection(match, head) for match in rule.matches or _EVERY_REQUEST]
        if None in objections:
            yield Tried(rule=index, fits=True, why=_why(rule, objections.index(None)))
            return
        yield Tried(rule=index, fits=False, why="; ".join(dict.fromkeys(one for one in objections if one)))
    yield Tried(rule=None, fits=True, why="no rule fits, so all versions get it alike")


def _why(rule: Rule, match: int) -> str:
    if not rule.matches:
        return "it is for every request"
    return "it fits" if len(rule.matches) == 1 else f"match {match + 1} fits"


def backends_of(rule: Rule, callee: Callee) -> tuple[tuple[str, float], ...]:
    """Versions without a ready instance get nothing, unless no version that is named has one."""
    refs = rule.backends or tuple(BackendRef(version=version) for version in callee.versions)
    weights: dict[str, int] = {}
    for ref in refs:
        weights[ref.version] = weights.get(ref.version, 0) + ref.weight
    chosen = {version: weight for version, weight in weights.items() if weight > 0}
    if callee.ready is not None and any(version in callee.ready for version in chosen):
        chosen = {version: weight for version, weight in chosen.items() if version in callee.ready}
    whole = sum(chosen.values())
    return tuple((version, weight / whole) for version, weight in chosen.items())


# --- who may call what ------------------------------------------------------------------------------------------------


def refusal(policy: TrafficPolicy, head: RequestHead, callee: Callee) -> str:
    """Why it is answered with 403; empty when it is not."""
    if callee.declared is not None and head.caller not in callee.declared:
        return f"{head.caller} does not declare that it calls {callee.name}"
    allowing = [rule for rule in policy.authorization if rule.action is AuthorizationAction.ALLOW]
    for index, rule in enumerate(policy.authorization):
        if rule.action is AuthorizationAction.DENY and is_about(rule, head):
            return f"{authorization_name(rule, index)} denies it"
    if allowing and not any(is_about(rule, head) for rule in allowing):
        return "none of the rules that allow calls fits it"
    return ""


def is_about(rule: AuthorizationRule, head: RequestHead) -> bool:
    path = head.path.partition("#")[0].partition("?")[0]
    return (
        (not rule.callers or head.caller in rule.callers)
        and (not rule.methods or head.method in rule.methods)
        and (not rule.paths or any(_is_path(pattern, path) for pattern in rule.paths))
    )


def _is_path(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def authorization_name(rule: AuthorizationRule, index: int) -> str:
    return f"authorization rule {rule.name or index + 1}"


def rule_name(rule: Rule, index: int | None) -> str:
    if index is None:
        return "otherwise"
    return f"rule {index + 1} ({rule.name})" if rule.name else f"rule {index + 1}"
