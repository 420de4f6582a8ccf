"""Facts and what they change."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Status
from sandbox.model import RestartPolicy
from sandbox.runtime.base import Exit
from sandbox.supervisor.desired import WantedInstance
from sandbox.supervisor.state import (
    LONGEST_DELAY,
    Adopted,
    ClusterState,
    Exited,
    InstanceState,
    Probed,
    StartAsked,
    Started,
    StartFailed,
    StopAsked,
    Stopped,
    backoff,
)
from tests.supervisor.build import an_instance, fold, running

NAME = "mill-v1-1"
ASKED = StartAsked(WantedInstance(id=NAME, service="mill", version="v1", index=1), "f", 0)
STARTED = Started(running(NAME), {8000: 20001})
HEALTHY = Probed(NAME, 100, True, Status.HEALTHY, None)


def exited(at: float, *, code: int | None = 1, signal: int | None = None, pid: int = 100) -> Exit:
    return Exit(id=NAME, pid=pid, code=code, signal=signal, at=at)


def the(state: ClusterState) -> InstanceState:
    return state.instances[NAME]


def test_an_instance_takes_traffic_only_once_it_is_healthy() -> None:
    state = fold(ClusterState(), ASKED, STARTED)
    assert (the(state).status, the(state).ready) == (Status.STARTING, False)
    state = fold(state, HEALTHY)
    assert (the(state).status, the(state).ready) == (Status.HEALTHY, True)


def test_an_unhealthy_instance_says_why_and_takes_no_traffic() -> None:
    state = fold(ClusterState(), ASKED, STARTED, HEALTHY, Probed(NAME, 100, False, Status.UNHEALTHY, "answers 500"))
    assert (the(state).status, the(state).reason, the(state).ready) == (Status.UNHEALTHY, "answers 500", False)


def test_an_answer_about_an_earlier_process_is_ignored() -> None:
    state = fold(ClusterState(), ASKED, STARTED, Probed(NAME, 99, True, Status.HEALTHY, None))
    assert the(state).status is Status.STARTING


def test_a_killed_instance_is_started_again_soon() -> None:
    end = exited(1100.0, code=None, signal=int(signal.SIGKILL))
    state = fold(ClusterState(), ASKED, STARTED, HEALTHY, Exited(end, RestartPolicy.ON_FAILURE))
    assert the(state).status is Status.BACKOFF
    assert the(state).retry_at == 1100.25
    assert "SIGKILL" in (the(state).reason or "")
    assert the(fold(state, ASKED)).restarts == 1


def test_short_lives_in_a_row_wait_longer_and_longer() -> None:
    state, delays = fold(ClusterState(), ASKED, STARTED), []
    for _ in range(9):
        state = fold(state, Exited(exited(1001.0), RestartPolicy.ON_FAILURE))
        delays.append((the(state).retry_at or 0) - 1001.0)
        state = fold(state, ASKED, STARTED)
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_long_life_ends_the_streak() -> None:
    crash = Exited(exited(1001.0), RestartPolicy.ON_FAILURE)
    state = fold(ClusterState(), ASKED, STARTED, crash, ASKED, STARTED, crash, ASKED, STARTED)
    state = fold(state, Exited(exited(1500.0), RestartPolicy.ON_FAILURE))
    assert the(state).retry_at == 1500.25


@pytest.mark.parametrize(
    ("policy", "code", "status"),
    [
        (RestartPolicy.NO, 1, Status.FAILED),
        (RestartPolicy.NO, 0, Status.STOPPED),
        (RestartPolicy.ON_FAILURE, 0, Status.STOPPED),
        (RestartPolicy.ON_FAILURE, 1, Status.BACKOFF),
        (RestartPolicy.ALWAYS, 0, Status.BACKOFF),
        (RestartPolicy.UNLESS_STOPPED, 0, Status.BACKOFF),
    ],
)
def test_the_restart_policy_decides(policy: RestartPolicy, code: int, status: Status) -> None:
    state = fold(ClusterState(), ASKED, STARTED, Exited(exited(1001.0, code=code), policy))
    assert the(state).status is status
    assert the(state).completed is (status is Status.STOPPED)


def test_the_end_of_a_stopping_instance_is_no_crash() -> None:
    state = fold(ClusterState(), ASKED, STARTED, HEALTHY, StopAsked(NAME, "is restarted"))
    assert not the(state).ready
    state = fold(state, Exited(exited(1001.0), RestartPolicy.ON_FAILURE))
    assert the(state).status is Status.STOPPING
    assert fold(state, Stopped(NAME)).instances == {}


def test_a_command_that_cannot_be_started_is_tried_again_later() -> None:
    state = fold(ClusterState(), ASKED, StartFailed(NAME, "no such file", 1000.0))
    assert (the(state).status, the(state).retry_at) == (Status.BACKOFF, 1000.25)


def test_an_adopted_instance_keeps_its_traffic() -> None:
    assert the(fold(ClusterState(), Adopted(an_instance(NAME)))).ready


@given(st.integers(min_value=0, max_value=10_000))
def test_no_delay_is_longer_than_the_limit(streak: int) -> None:
    assert 0 < backoff(streak) <= LONGEST_DELAY
