"""Checks of alerts against the services they are about."""

from __future__ import annotations

from sandbox.config.checks.subject import Subject
from sandbox.config.tree import Path
from sandbox.config.validate import did_you_mean
from sandbox.model import GATEWAY, AlertCondition


def check_alerts(subject: Subject) -> None:
    seen: set[str] = set()
    for index, rule in enumerate(subject.project.alerts.rules):
        path = ("alerts", "rules", index)
        if rule.name in seen:
            subject.at_value((*path, "name"), f"two alerts are called {rule.name}", "choose another name for one")
        seen.add(rule.name)
        _check_names(subject, rule.condition, (*path, "when"))


def _check_names(subject: Subject, condition: AlertCondition, path: Path) -> None:
    services = subject.project.services
    for name, allowed in ((condition.service, [*services]), (condition.caller, [GATEWAY, *services])):
        if name is not None and name not in allowed:
            hint = did_you_mean(name, allowed, f"there are {', '.join(allowed)}")
            subject.at_value(path, f"the condition names {name}, and there is no such service", hint)
