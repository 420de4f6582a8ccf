"""A project's own rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.control import Metric
from sandbox.model import AlertCondition, AlertRule, Project
from sandbox.telemetry.alerts.observation import Measured, Numbers, Observation, edge_subject, level
from sandbox.telemetry.alerts.words import shown

HYSTERESIS = 0.1
"""An alert ends when the value is by this share of the limit on the good side."""


def custom(rule: AlertRule, seen: Observation, project: Project) -> Iterator[Measured]:
    condition = rule.condition
    metric = Metric(condition.metric)
    good = condition.threshold * (1 - HYSTERESIS if condition.above else 1 + HYSTERESIS)
    for subject, value in _values(condition, metric, seen, project):
        than = "over" if condition.above else "below"
        limit = shown(metric, condition.threshold)
        yield Measured(
            rule=rule.name,
            subject=subject,
            level=level(value, condition.threshold, good),
            severity=rule.severity,
            hold=rule.hold,
            message=f"{metric} of {subject} is {shown(metric, value or 0.0)}, {than} {limit}",
            value=value,
            threshold=condition.threshold,
            evidence=(str(condition),),
        )


def _values(
    condition: AlertCondition, metric: Metric, seen: Observation, project: Project
) -> Iterator[tuple[str, float | None]]:
    names = [condition.service] if condition.service else list(project.services)
    for name in names:
        if condition.caller is not None:
            numbers = seen.edges.get((condition.caller, name), {})
            yield edge_subject(condition.caller, name), _value(numbers, metric)
        elif metric in _OF_INSTANCES:
            yield name, _most(seen, name, metric)
        else:
            yield name, _value(seen.numbers.get(name, {}), metric)


_OF_INSTANCES = (Metric.CPU, Metric.MEMORY, Metric.OPEN_FILES, Metric.RESTARTS)


def _value(numbers: Numbers, metric: Metric) -> float | None:
    return numbers.get(metric)


def _most(seen: Observation, service: str, metric: Metric) -> float | None:
    """Of the service's instances, the one with the largest value."""
    found = [getattr(one, str(metric)) for one in seen.usage if one.service == service]
    return max((float(value) for value in found if value is not None), default=None)
