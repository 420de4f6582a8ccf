"""What `sandbox up` prints while it works and when it is done."""

from __future__ import annotations

import time
from typing import TextIO

from sandbox.cli.events import as_line
from sandbox.cli.style import Style
from sandbox.control import Control, ProjectStatus, ServiceStatus, Status

_MARKS = {
    Status.HEALTHY: ("✓", "green"),
    Status.BUILDING: ("…", "cyan"),
    Status.BACKOFF: ("!", "yellow"),
    Status.UNHEALTHY: ("!", "yellow"),
    Status.FAILED: ("✗", "red"),
}
"""Statuses worth a line of their own; the others pass too quickly or say nothing."""


class Reporter:
    """One line for each service that gets somewhere or runs into trouble."""

    def __init__(self, stream: TextIO, project: str) -> None:
        self._stream = stream
        self._style = Style.of(stream)
        self._project = project
        self._began = time.monotonic()
        self._seen: dict[str, Status] = {}
        self._notices: set[str] = set()
        self._proxy: Status | None = None

    def begin(self, status: ProjectStatus, started_here: bool) -> None:
        doing = "starting" if started_here else "already running; bringing up to date"
        count = len(status.services)
        services = "1 service" if count == 1 else f"{count} services"
        self._print(f"{self._project}: {doing} ({services}, {status.runtime} runtime)")
        if started_here:
            self._print(self._style.paint(f"  {status.runtime}: {status.runtime_reason}", "grey"))

    def see(self, status: ProjectStatus) -> None:
        for notice in (*status.warnings, *status.notices):
            if notice not in self._notices:
                self._notices.add(notice)
                self._print(f"  {self._style.paint('!', 'yellow', bold=True)} {notice}")
        width = max((len(service.name) for service in status.services), default=0)
        for service in status.services:
            if self._seen.get(service.name) is not service.status:
                self._seen[service.name] = service.status
                self._service(service, width)

    def _service(self, service: ServiceStatus, width: int) -> None:
        if service.status not in _MARKS:
            return
        mark, colour = _MARKS[service.status]
        why = f"  {service.reason}" if service.reason and service.status is not Status.HEALTHY else ""
        after = f"  {time.monotonic() - self._began:.1f} s" if service.status is Status.HEALTHY else ""
        word = self._style.paint(f"{service.status:<9}", colour)
        self._print(f"  {self._style.paint(mark, colour, bold=True)} {service.name:<{width}}  {word}{after}{why}")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def print_summary(stream: TextIO, status: ProjectStatus, login_link: str | None) -> None:
    """At most five aligned lines, and one suggestion."""
    style = Style.of(stream)
    print(file=stream)
    for name, value in summary(status, login_link):
        print(f"  {style.paint(f'{name:<6}', 'grey')}{value}", file=stream)
    print(f"\n  {style.paint('next', 'cyan', bold=True)}  {suggestion(status)}", file=stream, flush=True)


def summary(status: ProjectStatus, login_link: str | None) -> list[tuple[str, str]]:
    """(label, value) of each line."""
    instances = sum(service.ready for service in status.services)
    app = next((service.url for service in status.services if service.url), None)
    lines = [("app", app)] if app else []
    lines.append(("ui", login_link or status.ui or "–"))
    lines.append(
        ("proxy", f"{status.gateway}  Envoy {status.proxy.version}, {_plural(instances, 'instance')} behind it")
    )
    lines.append(("logs", f"{status.logs}"))
    lines.append(("keys", "sandbox ps · sandbox logs -f · sandbox down"))
    return lines


def suggestion(status: ProjectStatus) -> str:
    """The next command for somebody who has never done this."""
    if any(service.url for service in status.services):
        return f"curl {status.gateway}/"
    return "sandbox ps"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


async def follow(control: Control, stream: TextIO) -> None:
    """Print what happens, until cancelled."""
    style = Style.of(stream)
    after = max([event.sequence async for event in control.events()], default=0)
    async for event in control.events(after=after, follow=True):
        print(as_line(event, style), file=stream, flush=True)
