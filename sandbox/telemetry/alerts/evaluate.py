"""All rules of a project at one look. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.model import BUILT_IN_ALERTS, Project
from sandbox.telemetry.alerts.builtin import RULES
from sandbox.telemetry.alerts.custom import custom
from sandbox.telemetry.alerts.fresh import settled, unsettled
from sandbox.telemetry.alerts.observation import Measured, Observation


def evaluate(seen: Observation, project: Project) -> Iterator[Measured]:
    measured = _all(seen, project)
    if seen.fresh is not None:
        measured = settled(measured, _all(seen.fresh, project))
    return unsettled(measured, seen)


def _all(seen: Observation, project: Project) -> Iterator[Measured]:
    for name in BUILT_IN_ALERTS:
        if name not in project.alerts.off:
            yield from RULES[name](seen, project)
    for rule in project.alerts.rules:
        yield from custom(rule, seen, project)


def rule_names(project: Project) -> tuple[str, ...]:
    own = (rule.name for rule in project.alerts.rules)
    return (*(name for name in BUILT_IN_ALERTS if name not in project.alerts.off), *own)
