"""What `sandbox up` prints while it works and when it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Set
from typing import TextIO

from sandbox.cli.buildnews import BuildNews
from sandbox.cli.ending import has_ended
from sandbox.cli.events import as_text
from sandbox.cli.lines import Lines
from sandbox.cli.style import Style
from sandbox.cli.wrap import width_of, wrapped
from sandbox.control import Control, ProjectStatus, ServiceStatus, Status
from sandbox.wording import counted

_News = tuple[str, str, str, str]
"""Mark, colour, the one word and the rest of a line about a service."""

_MARKS = {
    Status.HEALTHY: ("✓", "green"),
    Status.BUILDING: ("…", "cyan"),
    Status.BACKOFF: ("!", "yellow"),
    Status.UNHEALTHY: ("!", "yellow"),
    Status.FAILED: ("✗", "red"),
}
"""Statuses worth a line of their own at once; the others usually pass too quickly."""

_SLOW = 3.0
"""Seconds after which a service that is neither well nor in trouble is told about, with what it waits for."""

_STILL = 10.0
"""Seconds between two lines about builds, where no terminal shows what they do right now."""


class Reporter:
    """One line for each service that gets somewhere, runs into trouble, or takes long; and what builds do meanwhile.

    declared_jobs: the services that are meant to end.
    """

    def __init__(
        self,
        stream: TextIO,
        project: str,
        declared_jobs: Set[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.builds = BuildNews()
        self._lines = Lines(stream)
        self._width = max(2, width_of(stream))  # 2: no limit
        self._style = Style.of(stream)
        self._project = project
        self._jobs = declared_jobs
        self._clock = clock
        self._began = self._spoke = clock()
        self._told: dict[str, tuple[Status, str | None]] = {}
        self._since: dict[str, tuple[Status, float]] = {}
        self._notices: set[str] = set()
        self._built = ""  # what was last said of builds

    def begin(self, status: ProjectStatus, started_here: bool) -> None:
        doing = "starting" if started_here else "already running; bringing up to date"
        services = counted(len(status.services), "service")
        self._say(f"{self._project}: {doing} ({services}, {status.runtime} runtime)")
        if started_here:
            for line in wrapped(f"{status.runtime}: {status.runtime_reason}", self._width - 2, "  "):
                self._say(self._style.paint(f"  {line}", "grey"))

    def see(self, status: ProjectStatus) -> None:
        for notice in (*status.warnings, *status.notices):
            if notice not in self._notices:
                self._notices.add(notice)
                self._say(f"  {self._style.paint('!', 'yellow', bold=True)} {notice}")
        width = max((len(service.name) for service in status.services), default=0)
        for service in status.services:
            for mark, colour, word, text in self._news(service):
                painted = self._style.paint(f"{word:<9}", colour)
                self._say(f"  {self._style.paint(mark, colour, bold=True)} {service.name:<{width}}  {painted}  {text}")
        self._tell_of_builds({service.name for service in status.services if service.status is Status.BUILDING})

    def end(self) -> None:
        """Nothing passes any more."""
        self._lines.now("")

    def _tell_of_builds(self, building: Set[str]) -> None:
        newest = self.builds.newest(building)
        text = f"  … {newest[0]}: {newest[1]}" if newest else ""
        self._lines.now(text)
        if text not in ("", self._built) and not self._lines.can_pass and self._clock() - self._spoke >= _STILL:
            self._built = text
            self._say(text)

    def _news(self, service: ServiceStatus) -> Iterator[_News]:
        was, lasted = self._before(service)
        if was is Status.BUILDING and lasted >= _SLOW and service.status is not Status.FAILED:
            yield "✓", "green", "built", f"{lasted:.1f} s"
        line = self._line(service)
        if line is not None and self._is_new(service):
            mark, colour, text = line
            yield mark, colour, service.status, text

    def _before(self, service: ServiceStatus) -> tuple[Status | None, float]:
        """What it was until now, and for how long in seconds; None while nothing changes."""
        now = self._clock()
        status, since = self._since.setdefault(service.name, (service.status, now))
        if status is service.status:
            return None, 0.0
        self._since[service.name] = (service.status, now)
        return status, now - since

    def _is_new(self, service: ServiceStatus) -> bool:
        """A new reason alone counts only of one that takes long."""
        said = (service.status, None if service.status in _MARKS else service.reason)
        known, self._told[service.name] = self._told.get(service.name), said
        return known != said

    def _line(self, service: ServiceStatus) -> tuple[str, str, str] | None:
        """Mark, colour and words; None when there is nothing to tell."""
        reason = service.reason or ""
        if has_ended(service):
            return ("✓", "green", reason) if service.name in self._jobs else ("!", "yellow", reason)
        if service.status is Status.HEALTHY:
            return (*_MARKS[Status.HEALTHY], f"{self._clock() - self._began:.1f} s")
        if service.status in _MARKS:
            return (*_MARKS[service.status], reason)
        waits = service.status in (Status.STARTING, Status.PENDING)
        slow = self._clock() - self._since[service.name][1] >= _SLOW
        return ("…", "cyan", reason) if waits and slow else None

    def _say(self, line: str) -> None:
        self._spoke = self._clock()
        self._lines.say(line)


def print_summary(stream: TextIO, status: ProjectStatus, login_link: str | None, which: str = "") -> None:
    """At most five aligned lines, and one suggestion. which: what a command needs to find this project."""
    style = Style.of(stream)
    print(file=stream)
    for name, value in summary(status, login_link, which):
        print(f"  {style.paint(f'{name:<6}', 'grey')}{value}", file=stream)
    print(f"\n  {style.paint('next', 'cyan', bold=True)}  {suggestion(status, which)}", file=stream, flush=True)


def summary(status: ProjectStatus, login_link: str | None, which: str = "") -> list[tuple[str, str]]:
    """(label, value) of each line."""
    instances = sum(service.ready for service in status.services)
    app = next((service.url for service in status.services if service.url), None)
    lines = [("app", app)] if app else []
    lines.append(("ui", login_link or status.ui or "–"))
    lines.append(
        ("proxy", f"{status.gateway}  Envoy {status.proxy.version}, {counted(instances, 'instance')} behind it")
    )
    lines.append(("logs", f"{status.logs}"))
    lines.append(("keys", f"sandbox ps{which} · sandbox logs -f{which} · sandbox down{which}"))
    return lines


def suggestion(status: ProjectStatus, which: str = "") -> str:
    """The next command for somebody who has never done this."""
    if any(service.url for service in status.services):
        return f"curl {status.gateway}/"
    return f"sandbox ps{which}"


async def follow(control: Control, stream: TextIO) -> None:
    """Print what happens, until cancelled."""
    style = Style.of(stream)
    after = max([event.sequence async for event in control.events()], default=0)
    async for event in control.events(after=after, follow=True):
        print(as_text(event, style, width_of(stream)), file=stream, flush=True)
