"""Checks of the settings."""

from __future__ import annotations

from sandbox.config.checks.subject import Subject
from sandbox.config.tree import place


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
            subject.at_value(_own(subject, path, seen[port]), message, "choose another port for one of them")
        seen.setdefault(port, path)


def _own(subject: Subject, *paths: tuple[str, ...]) -> tuple[str, ...]:
    """The one that is written in the user's file; the other may be a profile's."""
    here = subject.root.location.file
    return next((path for path in paths if place(subject.root, path).file == here and subject.has(path)), paths[0])
