"""Small changes of a policy. Pure: a policy and an edit in, a policy out.

An edit without a match is about all requests: it changes every rule (a split: the rule for every request). An edit with
one changes the rule with exactly that match. Where there is none it is made, with all that would have held for these
requests otherwise, and put where it takes effect: behind rules for fewer requests, before those for more. Clearing is
the way back: what a match had of its own goes, and its requests are treated as they would be without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.control import Document, Edit, EditAction
from sandbox.errors import UsageError
from sandbox.model import AuthorizationAction, Match, Rule, Timeouts, TrafficPolicy
from sandbox.traffic.matching import covers

SETTINGS = {
    "connectionPool": "connection_pool",
    "outlierDetection": "outlier_detection",
    "loadBalancer": "load_balancer",
    "sessionPersistence": "session_persistence",
    "rateLimit": "rate_limit",
    "concurrency": "concurrency",
    "authorization": "authorization",
}
"""Keys of a policy beside `rules`, and their names in the model."""

_OF_RULES = {
    EditAction.FAULT: ("fault",),
    EditAction.TIMEOUT: ("timeouts",),
    EditAction.RETRY: ("retry",),
    EditAction.MIRROR: ("mirrors",),
    EditAction.SPLIT: ("backends",),
    EditAction.ROUTE: ("backends",),
    EditAction.LIMIT: ("rate_limit",),
}
"""What of a rule an edit sets."""

CLEARABLE = ("split", "route", "fault", "timeout", "retry", "limit", "mirror", "allow", "deny", *SETTINGS, "all")

_EVERYTHING = Match()
_PLAIN = Rule()


# --- an edit in the file's words ------------------------------------------------------------------------------------


def fragment(edit: Edit) -> dict[str, Any]:
    """A document that says only what the edit says. UsageError for an edit that means nothing."""
    values = dict(edit.values)
    match edit.action:
        case EditAction.SPLIT:
            refs = [{"version": version, "weight": weight} for version, weight in values.items()]
            return _rule(edit, backendRefs=_needed(edit, refs, "name versions and weights: v1=90 v2=10"))
        case EditAction.ROUTE:
            version = _needed(edit, values.get("version"), "name the version that gets the requests")
            return _rule(edit, backendRefs=[{"version": version}])
        case EditAction.MIRROR:
            mirror = {"backendRef": {"version": _needed(edit, values.pop("version", None), "name a version")}}
            mirror |= {"percent": values["percentage"]} if "percentage" in values else {}
            return _rule(edit, filters=[{"type": "RequestMirror", "requestMirror": mirror}])
        case EditAction.FAULT | EditAction.TIMEOUT | EditAction.RETRY:
            key = {EditAction.FAULT: "fault", EditAction.TIMEOUT: "timeouts", EditAction.RETRY: "retry"}[edit.action]
            return _rule(edit, **{key: _needed(edit, values, "say what it is to be")})
        case EditAction.LIMIT:
            return _limit(edit, values)
        case EditAction.ALLOW | EditAction.DENY:
            return {"authorization": [{"action": edit.action.upper(), **_told(values)}]}
        case EditAction.CLEAR:
            return _rule(edit) if edit.match else {}
        case EditAction.SET:
            _needed(edit, values, f"name keys of the policy, such as {', '.join(SETTINGS)}")
            return values
        case EditAction.REPLACE:
            return values


def _rule(edit: Edit, **content: Any) -> dict[str, Any]:
    return {"rules": [{**({"matches": [dict(edit.match)]} if edit.match else {}), **content}]}


def _limit(edit: Edit, values: Document) -> dict[str, Any]:
    if "concurrency" in values:
        if edit.match:
            raise UsageError("concurrency is limited for a whole service", place=edit.service, hint="leave out matches")
        return {"concurrency": values["concurrency"]}
    _needed(edit, values, "say how many requests in how much time")
    return _rule(edit, rateLimit=dict(values)) if edit.match else {"rateLimit": dict(values)}


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, [], ())}


def _needed(edit: Edit, value: Any, hint: str) -> Any:
    if not value:
        raise UsageError(f"{edit.action} says nothing", place=edit.service, hint=hint)
    return value


# --- and what it makes of a policy -----------------------------------------------------------------------------------


def edited(policy: TrafficPolicy, edit: Edit, said: TrafficPolicy) -> TrafficPolicy:
    """said: what `fragment` of the edit reads as. Making the same edit again changes nothing."""
    action = edit.action
    if action is EditAction.REPLACE:
        return said
    if action is EditAction.SET:
        return replace(policy, **{name: getattr(said, name) for name in _settings(edit)})
    if action is EditAction.CLEAR:
        return _tidied(_cleared(policy, edit, said))
    if action in (EditAction.ALLOW, EditAction.DENY):
        more = tuple(rule for rule in said.authorization if rule not in policy.authorization)
        return replace(policy, authorization=(*policy.authorization, *more))
    if not said.rules:
        return replace(policy, **{name: value for name, value in _of(said) if value is not None})
    (rule,) = said.rules
    changes = {name: getattr(rule, name) for name in _OF_RULES[action]}
    return _tidied(_with_rules(policy, action, rule.matches, lambda one: _changed(one, changes)))


def _of(said: TrafficPolicy) -> list[tuple[str, Any]]:
    return [(name, getattr(said, name)) for name in ("rate_limit", "concurrency")]


def _settings(edit: Edit) -> list[str]:
    names = []
    for key in edit.values:
        if key not in SETTINGS:
            hint = f"there are {', '.join(SETTINGS)}; rules are set by `sandbox traffic apply -f FILE`"
            raise UsageError(f"can't set {key}", place=edit.service, hint=hint)
        names.append(SETTINGS[key])
    return names


def _changed(rule: Rule, changes: Mapping[str, Any]) -> Rule:
    if "backends" in changes:  # a rule that answers by itself has no backends
        return replace(rule, **changes, redirect=None, direct_response=None)
    if "timeouts" in changes:
        return replace(rule, timeouts=_joined(rule.timeouts, changes["timeouts"]))
    return replace(rule, **changes)


def _joined(before: Timeouts, said: Timeouts) -> Timeouts:
    """What is not said stays."""
    return Timeouts(
        request=said.request if said.request is not None else before.request,
        backend_request=said.backend_request if said.backend_request is not None else before.backend_request,
        idle=said.idle if said.idle is not None else before.idle,
    )


def _with_rules(
    policy: TrafficPolicy, action: EditAction, matches: tuple[Match, ...], change: Callable[[Rule], Rule]
) -> TrafficPolicy:
    if matches:
        return replace(policy, rules=_with_rule(policy.rules, matches, change))
    rules = policy.rules if _ends(policy.rules) else (*policy.rules, _PLAIN)
    if action in (EditAction.SPLIT, EditAction.ROUTE):
        return replace(policy, rules=tuple(change(rule) if not rule.matches else rule for rule in rules))
    return replace(policy, rules=tuple(change(rule) for rule in rules))


def _ends(rules: Sequence[Rule]) -> bool:
    """Whether a rule is for every request."""
    return any(not rule.matches for rule in rules)


def _with_rule(rules: tuple[Rule, ...], matches: tuple[Match, ...], change: Callable[[Rule], Rule]) -> tuple[Rule, ...]:
    if (index := _index(rules, matches)) is not None:
        return (*rules[:index], change(rules[index]), *rules[index + 1 :])
    (match,) = matches
    place = _place(rules, match)
    made = change(replace(_base(rules, match), name=None, matches=matches))
    return (*rules[:place], made, *rules[place:])


def rule_for(rules: Sequence[Rule], matches: tuple[Match, ...]) -> Rule:
    """The rule with exactly these matches; where there is none, what holds for its requests."""
    index = _index(rules, matches)
    return rules[index] if index is not None else _base(rules, matches[0] if matches else _EVERYTHING)


def _index(rules: Sequence[Rule], matches: tuple[Match, ...]) -> int | None:
    return next((index for index, rule in enumerate(rules) if rule.matches == matches), None)


def _base(rules: Sequence[Rule], match: Match) -> Rule:
    """What would hold for these requests otherwise."""
    return next((rule for rule in rules if _covered(match, rule)), _PLAIN)


def _covered(match: Match, rule: Rule) -> bool:
    return any(covers(one, match) for one in rule.matches or (_EVERYTHING,))


def _place(rules: Sequence[Rule], match: Match) -> int:
    """Behind the last rule that is for a part of these requests, but before the first that takes them all."""
    first = next((index for index, rule in enumerate(rules) if _covered(match, rule)), len(rules))
    narrower = [index for index, rule in enumerate(rules[:first]) if _is_narrower(rule, match)]
    return narrower[-1] + 1 if narrower else 0


def _is_narrower(rule: Rule, match: Match) -> bool:
    return bool(rule.matches) and any(covers(match, one) for one in rule.matches)


# --- taking back ------------------------------------------------------------------------------------------------------


def _cleared(policy: TrafficPolicy, edit: Edit, said: TrafficPolicy) -> TrafficPolicy:
    what = str(edit.values.get("what", "all"))
    if what not in CLEARABLE:
        raise UsageError(f"there is no {what} to clear", place=edit.service, hint=f"there are {', '.join(CLEARABLE)}")
    matches = said.rules[0].matches if said.rules else ()
    if what == "all":
        return replace(policy, rules=_without(policy.rules, matches)) if matches else TrafficPolicy()
    if what in SETTINGS:
        name = SETTINGS[what]
        return replace(policy, **{name: getattr(TrafficPolicy(), name)})
    if what in ("allow", "deny"):
        action = AuthorizationAction(what.upper())
        return replace(policy, authorization=tuple(one for one in policy.authorization if one.action is not action))
    return _without_setting(policy, EditAction(what), matches)


def _without(rules: tuple[Rule, ...], matches: tuple[Match, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.matches != matches)


def _without_setting(policy: TrafficPolicy, action: EditAction, matches: tuple[Match, ...]) -> TrafficPolicy:
    names = _OF_RULES[action]
    if not matches:
        if action is EditAction.LIMIT:
            policy = replace(policy, rate_limit=None, concurrency=None)
        of_all_only = action in (EditAction.SPLIT, EditAction.ROUTE)
        plain = {name: getattr(_PLAIN, name) for name in names}
        rules = (rule if rule.matches and of_all_only else replace(rule, **plain) for rule in policy.rules)
        return replace(policy, rules=tuple(rules))
    index = _index(policy.rules, matches)
    if index is None:
        return policy
    (match, *_), after = matches, policy.rules[index + 1 :]
    base = _base(after, match)
    rule = replace(policy.rules[index], **{name: getattr(base, name) for name in names})
    kept = () if replace(rule, name=None, matches=base.matches) == replace(base, name=None) else (rule,)
    return replace(policy, rules=(*policy.rules[:index], *kept, *after))


def _tidied(policy: TrafficPolicy) -> TrafficPolicy:
    """A last rule that says nothing is none."""
    if policy.rules and policy.rules[-1] == _PLAIN:
        return replace(policy, rules=policy.rules[:-1])
    return policy
