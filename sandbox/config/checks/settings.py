"""Checks of the settings."""

from __future__ import annotations

from sandbox.config.checks.subject import Subject


def check_settings(subject: Subject) -> None:
    settings = subject.project.settings
    places = {
        ("gateway", "port"): settings.gateway_port,
        ("ui", "port"): settings.ui_port,
        ("telemetry", "otlp", "port"): settings.otlp_port,
    }
    seen: dict[int, tuple[str, ...]] = {}
    for path, port in places.items():
        if port in seen:
            message = f"{'.'.join(path)} and {'.'.join(seen[port])} are both {port}"
            subject.at_value(path if subject.has(path) else seen[port], message, "choose another port for one of them")
        seen.setdefault(port, path)
