"""The lines that `up` prints while it waits."""

from __future__ import annotations

import io

from sandbox.cli.progress import Reporter
from sandbox.control import ServiceStatus, Status
from tests.fakes import data

DONE = "finished with exit code 0"


class Watch:
    """A reporter on a clock that is moved by hand."""

    def __init__(self, *jobs: str) -> None:
        self.now = 0.0
        self._said = io.StringIO()
        self._reporter = Reporter(self._said, "bakery", frozenset(jobs), clock=lambda: self.now)

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
