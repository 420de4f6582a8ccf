"""How states, numbers and times are put into words. Pure.

A status is never shown by colour alone: it has a symbol and its word. Tones name what a colour would say.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum

from sandbox.control import (
    InstanceStatus,
    ProjectStatus,
    ServiceStatus,
    Status,
    TelemetrySnapshot,
    WatchState,
    WatchStatus,
)
from sandbox.events import Event, Severity


class Tone(StrEnum):
    PLAIN = "plain"
    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"
    OFF = "off"
    STRONG = "strong"


NONE = "–"
"""Where there is no number to show."""

SYMBOLS = {
    Status.PENDING: "○",
    Status.BUILDING: "◔",
    Status.STARTING: "◐",
    Status.HEALTHY: "●",
    Status.UNHEALTHY: "▲",
    Status.BACKOFF: "↻",
    Status.STOPPING: "◌",
    Status.STOPPED: "■",
    Status.FAILED: "✗",
}

TONES = {
    Status.PENDING: Tone.BUSY,
    Status.BUILDING: Tone.BUSY,
    Status.STARTING: Tone.BUSY,
    Status.HEALTHY: Tone.GOOD,
    Status.UNHEALTHY: Tone.BAD,
    Status.BACKOFF: Tone.BAD,
    Status.STOPPING: Tone.OFF,
    Status.STOPPED: Tone.OFF,
    Status.FAILED: Tone.BAD,
}

_SEVERITIES = {
    Severity.INFO: ("·", Tone.PLAIN),
    Severity.WARNING: ("▲", Tone.BUSY),
    Severity.ERROR: ("✗", Tone.BAD),
}


def status_text(status: Status) -> str:
    return f"{SYMBOLS[status]} {status}"


# --- numbers ------------------------------------------------------------------------------------------------------


def rate(per_second: float) -> str:
    if per_second >= 999.5:
        return f"{per_second / 1000:.1f}k"
    if per_second >= 9.95:
        return f"{per_second:.0f}"
    return f"{per_second:.1f}" if per_second else "0"


def percent(ratio: float) -> str:
    """Without the sign; anything above zero stays distinguishable from it."""
    value = ratio * 100
    if value >= 9.95:
        return f"{value:.0f}"
    if 0 < value < 0.1:
        return "<0.1"
    return f"{value:.1f}" if value else "0"


def milliseconds(value: float | None) -> str:
    if value is None:
        return NONE
    if value < 1:
        return "<1ms"
    if value < 999.5:
        return f"{value:.0f}ms"
    if value < 9_950:
        return f"{value / 1000:.1f}s"
    return f"{value / 1000:.0f}s" if value < 99_500 else f"{value / 60_000:.0f}m"


def size(number: float) -> str:
    """Bytes, in units of 1024."""
    for unit in ("B", "K", "M"):
        if number < 1023.5:
            return f"{number:.0f}{unit}"
        number /= 1024
    return f"{number:.1f}G"


def cores(number: float) -> str:
    """CPU as a share of one core: "5%", "240%"."""
    return f"{number * 100:.0f}%" if number >= 0.0095 or not number else "<1%"


def seconds(number: float) -> str:
    """A stretch of time in one or two units: "4s", "2m05s", "3h10m"."""
    whole = max(0, round(number))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m" if whole < 172_800 else f"{whole // 86400}d"


def shares(parts: Mapping[str, float]) -> str:
    """How a sum is divided: "v1 90%, v2 10%"; only the names where there is nothing to divide."""
    total = sum(parts.values())
    if total <= 0 or len(parts) < 2:
        return ", ".join(parts)
    return ", ".join(f"{name} {part / total * 100:.0f}%" for name, part in parts.items())


def clock(epoch: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(epoch))


# --- the project --------------------------------------------------------------------------------------------------


def overall(status: ProjectStatus, firing: int = 0, failing: int = 0) -> tuple[str, Tone]:
    """The project's health in a few words. firing: how many alerts do. failing: how many services that are healthy
    answer with errors."""
    if status.proxy.status is not Status.HEALTHY:
        return f"{SYMBOLS[status.proxy.status]} proxy {status.proxy.status}", TONES[status.proxy.status]
    tones = [TONES[service.status] for service in status.services]
    wanted = len(tones) - tones.count(Tone.OFF)
    if bad := tones.count(Tone.BAD):
        return f"✗ {bad} of {len(tones)} in trouble", Tone.BAD
    if firing:
        return f"✗ {firing} {'alert' if firing == 1 else 'alerts'}", Tone.BAD
    if failing:
        return f"✗ {failing} with errors", Tone.BAD
    if Tone.BUSY in tones:
        return f"◐ {tones.count(Tone.GOOD)} of {wanted} healthy", Tone.BUSY
    if not wanted:
        return "■ stopped", Tone.OFF
    stopped = f", {len(tones) - wanted} stopped" if wanted < len(tones) else ""
    return f"● healthy{stopped}", Tone.GOOD


def header(status: ProjectStatus, room: int) -> str:
    """As much of where and what the project is as fits into so many columns; the name always."""
    parts = [status.project, status.gateway or "", f"ui {status.ui}" if status.ui else "", f"{status.runtime} runtime"]
    text = parts[0]
    for part in filter(None, parts[1:]):
        if len(text) + 3 + len(part) > room:
            break
        text += f" · {part}"
    return text


def detail(service: ServiceStatus, instance: InstanceStatus | None) -> tuple[str, Tone]:
    """What matters most about the selected line: the reason for its trouble, else where it is found."""
    shown = instance or service
    name = instance.id if instance else service.name
    if shown.status is not Status.HEALTHY:
        reason = shown.reason or service.reason or f"is {shown.status}"
        said = reason if reason.startswith(name) else f"{name}: {reason}" if shown.reason else f"{name} {reason}"
        return f"{SYMBOLS[shown.status]} {said}", TONES[shown.status]
    if service.reason:
        return f"▲ {name}: {service.reason}", Tone.BUSY
    return " · ".join(filter(None, [name, *_places(service, instance), _calls(service)])), Tone.PLAIN


def _places(service: ServiceStatus, instance: InstanceStatus | None) -> list[str]:
    if instance:
        return [instance.address or "", f"pid {instance.pid}" if instance.pid else instance.container or ""]
    return [service.url or (f"port {', '.join(service.ports)}" if service.ports else "no port")]


def _calls(service: ServiceStatus) -> str:
    return f"calls {', '.join(service.depends_on)}" if service.depends_on else ""


def hint(status: ProjectStatus, telemetry: TelemetrySnapshot | None) -> str:
    """How to make the first request; nothing once there was one."""
    if telemetry is None or telemetry.services:
        return ""
    public = next((service for service in status.services if service.url), None)
    if public is None:
        return "no traffic yet: no service is public; say `public: true` in sandbox.yaml"
    if public.status is not Status.HEALTHY:
        return ""
    return f"no traffic yet: g sends some, or open {public.url}"


def watch(status: WatchStatus) -> str:
    """Why saves reload nothing, and the key that changes it; nothing where they do."""
    match status.state:
        case WatchState.ON:
            return ""
        case WatchState.OFF:
            return "‖ not watching: saves reload nothing · w watches"
    files = sum(status.waiting.values())
    if not files:
        return "‖ paused: saves wait · w resumes"
    owners = ", ".join(service or "configuration" for service in status.waiting)
    return f"‖ paused: {files} saved {'file waits' if files == 1 else 'files wait'} ({owners}) · w applies and resumes"


def warning(status: ProjectStatus) -> str:
    """What is wrong until it is mended: the first of it, and how much more there is."""
    if not status.warnings:
        return ""
    more = len(status.warnings) - 1
    return f"▲ {f'(1 of {more + 1}) ' if more else ''}{status.warnings[0]}"


def event_line(event: Event) -> tuple[str, Tone]:
    symbol, tone = _SEVERITIES[event.severity]
    return f"{clock(event.at)} {symbol} {event.message}", tone
