"""The lines that `up` prints while it waits."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest

from sandbox.cli.buildnews import BuildNews
from sandbox.cli.lines import Lines
from sandbox.cli.progress import Reporter
from sandbox.control import ServiceStatus, Status
from tests.fakes import data
from tests.fakes.control import FakeControl

DONE = "finished with exit code 0"


class Watch:
    """A reporter on a clock that is moved by hand."""

    def __init__(self, *jobs: str) -> None:
        self.now = 0.0
        self._said = io.StringIO()
        self._reporter = Reporter(self._said, "bakery", frozenset(jobs), clock=lambda: self.now)

    def hear(self, service: str, line: str) -> None:
        self._reporter.builds.hear(service, line)

    def see(self, *services: ServiceStatus, after: float = 0.0) -> list[str]:
        """The lines about a state, `after` seconds later."""
        self.now += after
        self._said.truncate(self._said.seek(0))
        self._reporter.see(data.project(*services))
        return self._said.getvalue().splitlines()


def test_a_healthy_one_is_told_once_with_its_time() -> None:
    watch = Watch()
    assert watch.see(data.service("web"), after=1.25) == ["  ✓ web  healthy    1.2 s"]
    assert watch.see(data.service("web"), after=1.0) == []


def test_a_job_that_is_done_is_well_and_another_that_ended_is_not() -> None:
    seed = data.service("seed", status=Status.STOPPED, reason=DONE)
    assert Watch("seed").see(seed) == [f"  ✓ seed  stopped    {DONE}"]
    assert Watch().see(seed) == [f"  ! seed  stopped    {DONE}"]
    assert Watch().see(data.service("seed", status=Status.STOPPED, reason="stopped by hand", instances=())) == []


def test_who_takes_long_is_told_with_the_reason_and_with_each_new_one() -> None:
    watch = Watch()

    def waiting(reason: str) -> ServiceStatus:
        return data.service("web", status=Status.STARTING, reason=reason)

    assert watch.see(waiting("starts")) == []
    assert watch.see(waiting("starts"), after=2.0) == []
    assert watch.see(waiting("it listens elsewhere"), after=2.0) == ["  … web  starting   it listens elsewhere"]
    assert watch.see(waiting("it listens elsewhere"), after=2.0) == []
    assert watch.see(waiting("nothing listens")) == ["  … web  starting   nothing listens"]


# --- builds -------------------------------------------------------------------------------------------------------

BUILDING = data.service("web", status=Status.BUILDING, reason="is being prepared")


def test_a_build_that_takes_long_is_told_when_it_begins_and_when_it_ends() -> None:
    watch = Watch()
    assert watch.see(BUILDING) == ["  … web  building   is being prepared"]
    assert watch.see(data.service("web"), after=12.0) == ["  ✓ web  built      12.0 s", "  ✓ web  healthy    12.0 s"]


def test_a_quick_build_and_one_that_failed_are_not_called_built() -> None:
    quick, failing = Watch(), Watch()
    quick.see(BUILDING)
    assert quick.see(data.service("web"), after=1.0) == ["  ✓ web  healthy    1.0 s"]
    failing.see(BUILDING)
    failed = data.service("web", status=Status.FAILED, reason="pip found nothing")
    assert failing.see(failed, after=9.0) == ["  ✗ web  failed     pip found nothing"]


def test_without_a_terminal_a_long_build_is_heard_of_now_and_then() -> None:
    watch = Watch()
    watch.see(BUILDING)
    watch.hear("web", "Collecting flask")
    assert watch.see(BUILDING, after=5.0) == []
    assert watch.see(BUILDING, after=5.0) == ["  … web: Collecting flask"]
    assert watch.see(BUILDING, after=60.0) == []
    watch.hear("web", "Installing flask")
    assert watch.see(BUILDING) == ["  … web: Installing flask"]
    watch.hear("web", "Compiling flask")
    assert watch.see(BUILDING, after=9.0) == []
    assert watch.see(BUILDING, after=1.0) == ["  … web: Compiling flask"]


async def test_only_what_builds_print_is_heard() -> None:
    news = BuildNews()
    lines = [
        replace(data.log_line("web", "Collecting flask"), instance="web-v1-build"),
        replace(data.log_line("orders", "\x1b[31mCollecting httpx\x1b[0m"), instance="orders-v1-build"),
        data.log_line("orders", "listening"),
    ]
    control = FakeControl(lines=lines)
    listening = asyncio.ensure_future(news.listen(control, since=0.0))
    async with asyncio.timeout(5):
        while not control.following:
            await asyncio.sleep(0)
    listening.cancel()

    assert news.newest({"web", "orders"}) == ("orders", "Collecting httpx")
    assert news.newest({"web"}) == ("web", "Collecting flask")
    assert news.newest({"mill"}) is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_newest_line_is_written_over_and_cut_to_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "11")
    terminal = Terminal()
    lines = Lines(terminal)

    lines.now("one")
    lines.now("one")
    lines.now("two is too long")
    lines.say("said")
    lines.now("three")
    lines.now("")

    erase = "\r\x1b[2K"
    assert terminal.getvalue() == f"one{erase}two is too{erase}said\nthree{erase}"
