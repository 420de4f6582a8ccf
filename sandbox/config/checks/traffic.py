"""Checks of traffic policies against the services they are about."""

from __future__ import annotations

from sandbox.config.checks.reach import unreachable
from sandbox.config.checks.rules import check_callers, check_rule, twice
from sandbox.config.checks.subject import Subject, speaks_http
from sandbox.config.tree import Path
from sandbox.config.validate import did_you_mean
from sandbox.model import Match, Rule, Service, TrafficPolicy

MAX_MATCHES = 500
"""Of all rules of a service together: each is compared with all before it, and by Envoy with each request."""


def check_traffic(subject: Subject) -> None:
    services = subject.project.services
    for callee, policy in subject.project.traffic.items():
        path = ("traffic", callee)
        service = services.get(callee)
        if service is None:
            hint = did_you_mean(callee, services, f"services: {', '.join(services)}")
            subject.at_key(path, f"traffic names {callee}, and there is no such service", hint)
            continue
        if not speaks_http(service):
            subject.at_key(path, f"traffic rules are for HTTP, and {callee} has no HTTP port", 'add ports: ["8000"]')
        _check_policy(subject, service, policy, path)


def _check_policy(subject: Subject, service: Service, policy: TrafficPolicy, path: Path) -> None:
    for index, rule in enumerate(policy.rules):
        check_rule(subject, service, rule, (*path, "rules", index))
    for index, name in twice(rule.name for rule in policy.rules):
        subject.at_value((*path, "rules", index, "name"), f"there is a rule {name} already", "choose another name")
    for index, allowed in enumerate(policy.authorization):
        check_callers(subject, service, allowed.callers, (*path, "authorization", index, "from"))
    _check_reachable(subject, policy.rules, (*path, "rules"))


def _check_reachable(subject: Subject, rules: tuple[Rule, ...], path: Path) -> None:
    count = sum(max(len(rule.matches), 1) for rule in rules)
    if count > MAX_MATCHES:
        message = f"the rules have {count} matches, and {MAX_MATCHES} are the limit"
        subject.at_key(path, message, "use regular expressions or fewer rules")
        return
    for index, match, taker in unreachable(rules):
        earlier = _called(rules[taker], taker)
        if match is None:
            reason = "matches every request" if _takes_all(rules[taker]) else "takes all that it matches"
            message = f"this rule is never reached: {earlier} {reason}"
            hint = "put the rule without matches last" if _takes_all(rules[taker]) else "put it before, or take it out"
            subject.at_value((*path, index), message, hint)
        else:
            message = f"this never fits: {earlier} takes all that it matches"
            subject.at_value((*path, index, "matches", match), message, "put the rule before, or take the match out")


def _called(rule: Rule, index: int) -> str:
    return f"rule {index + 1} ({rule.name})" if rule.name else f"rule {index + 1}"


def _takes_all(rule: Rule) -> bool:
    return not rule.matches or Match() in rule.matches
