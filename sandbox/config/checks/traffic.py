"""Checks of traffic rules against the services they are about."""

from __future__ import annotations

from sandbox.config.checks.subject import Subject, speaks_http
from sandbox.config.tree import Path
from sandbox.config.validate import did_you_mean
from sandbox.model import Rule, Service


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
        for index, rule in enumerate(policy.rules):
            _check_rule(subject, service, rule, (*path, "rules", index))
        _check_reachable(subject, policy.rules, (*path, "rules"))


def _check_rule(subject: Subject, service: Service, rule: Rule, path: Path) -> None:
    names = [version.name for version in service.versions]
    for index, backend in enumerate(rule.backends):
        if backend.version not in names:
            message = f"{service.name} has no version {backend.version}"
            hint = did_you_mean(backend.version, names, f"versions of {service.name}: {', '.join(names)}")
            subject.at_value((*path, "backendRefs", index, "version"), message, hint)
    if rule.backends and not any(backend.weight for backend in rule.backends):
        subject.at_value((*path, "backendRefs"), "all weights are 0, so nobody gets requests", "give one a weight")
    whole, attempt = rule.timeouts.request, rule.timeouts.backend_request
    if whole is not None and attempt is not None and attempt > whole:
        message = "backendRequest is longer than request, which ends all attempts"
        subject.at_value((*path, "timeouts", "backendRequest"), message, "make it shorter than request")


def _check_reachable(subject: Subject, rules: tuple[Rule, ...], path: Path) -> None:
    for index, rule in enumerate(rules[:-1]):
        if not rule.matches or any(not match.headers for match in rule.matches):
            message = f"this rule is never reached: rule {index + 1} matches every request"
            subject.at_value((*path, index + 1), message, "put the rule without matches last")
            return
