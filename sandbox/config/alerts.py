"""Alerts and objectives, from the validated file to the model and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.config.alertforms import format_condition
from sandbox.config.durations import format_duration
from sandbox.config.schema import AlertRuleSpec, AlertsSpec, NotifySpec, ObjectivesSpec
from sandbox.model import AlertRule, AlertSettings, Objectives

Plain = dict[str, Any]

_QUANTILES = ("p50", "p90", "p95", "p99")


def alert_settings(spec: AlertsSpec | None) -> AlertSettings:
    if spec is None:
        return AlertSettings()
    notify = spec.notify or NotifySpec()
    return AlertSettings(
        rules=tuple(_rule(rule) for rule in spec.rules),
        off=tuple(dict.fromkeys(spec.disable)),
        webhook=notify.webhook,
        command=notify.command,
    )


def _rule(spec: AlertRuleSpec) -> AlertRule:
    rule = AlertRule(name=spec.name, condition=spec.when)
    if spec.hold is not None:
        rule = replace(rule, hold=spec.hold)
    return rule if spec.severity is None else replace(rule, severity=spec.severity)


def objectives(spec: ObjectivesSpec | None) -> Objectives:
    if spec is None:
        return Objectives()
    limits = {name: getattr(spec.latency, name, None) for name in _QUANTILES}
    latency = {name: seconds for name, seconds in limits.items() if seconds is not None}
    return Objectives(availability=spec.availability, latency=latency)


# --- and back -----------------------------------------------------------------------------------------------------


def render_alerts(settings: AlertSettings) -> Plain:
    notify: Plain = {}
    if settings.webhook is not None:
        notify["webhook"] = _escape(settings.webhook)
    if settings.command is not None:
        notify["command"] = [_escape(word) for word in settings.command]
    parts = {"rules": [_render_rule(rule) for rule in settings.rules], "disable": list(settings.off), "notify": notify}
    return {name: part for name, part in parts.items() if part}


def _render_rule(rule: AlertRule) -> Plain:
    return {
        "name": rule.name,
        "when": format_condition(rule.condition),
        "for": format_duration(rule.hold),
        "severity": rule.severity,
    }


def render_objectives(promised: Objectives) -> Plain:
    rendered: Plain = {}
    if promised.availability is not None:
        rendered["availability"] = f"{promised.availability * 100:.10g}%"
    if promised.latency:
        rendered["latency"] = {name: format_duration(seconds) for name, seconds in promised.latency.items()}
    return rendered


def _escape(text: str) -> str:
    return text.replace("$", "$$")
