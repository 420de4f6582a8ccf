"""What a reload led to, and how it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.control import Status
from sandbox.events import Kind
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.reload import DRAIN_AWAITED, Cause, Failed, Reload, done, failed, is_over, look
from sandbox.supervisor.state import ClusterState, InstanceState, VersionState
from tests.supervisor.build import an_instance, prepared, with_instances

MILL = VersionKey("mill", "v1")
SAVE = Cause(("app.py",), 1)
OLD = an_instance("mill-v1-1", generation=1)
NEW = an_instance("mill-v1-2", Status.STARTING, generation=2, index=2)
READY = replace(NEW, status=Status.HEALTHY, ready=True)
GOING = replace(OLD, status=Status.STOPPING, ready=False)


def a_reload(cause: Cause = SAVE) -> Reload:
    return Reload(key=MILL, name="mill", generation=2, cause=cause, began=100.0, asked=100.02)


def a_state(*instances: InstanceState) -> ClusterState:
    return with_instances(prepared(("mill", "v1")), *instances)


def after(*states: tuple[float, ClusterState], reload: Reload | None = None) -> Reload:
    """Seen in these states at these moments."""
    reload = reload or a_reload()
    for now, state in states:
        seen = look(reload, state, 1, now)
        assert isinstance(seen, Reload)
        reload = seen
    return reload


HISTORY = (
    (100.02, a_state(OLD)),
    (100.05, a_state(OLD, NEW)),
    (100.11, a_state(OLD, READY)),
    (100.115, a_state(GOING, READY)),
    (100.24, a_state(READY)),
)


def test_each_step_has_its_moment() -> None:
    reload = after(*HISTORY)
    assert (reload.started, reload.ready, reload.switched, reload.drained) == (100.05, 100.11, 100.115, 100.24)
    assert is_over(reload, 100.24)


def test_it_is_told_in_one_line_why_and_how_fast() -> None:
    event = done(after(*HISTORY), "warm")
    assert event.kind is Kind.SERVICE_RELOADED
    assert event.message == (
        "mill reloaded in 0.11 s after a save of app.py, warm start "
        "(seen 20, started 50, ready 110, switched 115, drained 240 ms)"
    )
    assert event.reload is not None
    assert event.reload.seconds == pytest.approx(
        {"seen": 0.02, "started": 0.05, "ready": 0.11, "switched": 0.115, "drained": 0.24}, abs=1e-4
    )


def test_a_stream_that_is_drained_for_long_keeps_nobody_waiting() -> None:
    reload = after(*HISTORY[:-1])
    assert not is_over(reload, 100.2)
    assert is_over(reload, 100.115 + DRAIN_AWAITED)
    assert done(reload, "cold").message.endswith("switched 115 ms; the previous one still finishes what it was asked)")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (SAVE, "after a save of app.py"),
        (Cause(("app.py", "menu.py"), 3), "after a save of app.py and 2 more"),
        (Cause(), "by hand"),
    ],
)
def test_why(cause: Cause, said: str) -> None:
    assert str(cause) == said


def test_what_takes_the_place_of_a_reload_is_for_its_files_too() -> None:
    assert SAVE.and_before(Cause(("menu.py",), 1)) == Cause(("app.py", "menu.py"), 2)
    assert SAVE.and_before(SAVE) == SAVE
    assert Cause().and_before(SAVE) == SAVE


@pytest.mark.parametrize(
    ("instance", "reason"),
    [
        (replace(NEW, status=Status.BACKOFF, reason="ended: x; next start in 1 s", ended="app.py:3: KeyError: 'x'"),
         "app.py:3: KeyError: 'x'"),
        (replace(NEW, status=Status.UNHEALTHY, reason="GET / answered 500"), "GET / answered 500"),
        (replace(NEW, status=Status.FAILED, reason=None), "it ended"),
    ],
)  # fmt: skip
def test_new_code_that_is_no_good(instance: InstanceState, reason: str) -> None:
    outcome = look(a_reload(), a_state(OLD, instance), 1, 101.0)
    assert outcome == Failed("mill-v1-2", reason)
    event = failed(a_reload(), outcome, serves=True)
    assert event.message == f"mill failed to reload after a save of app.py: {reason}; the previous one serves on"
    assert event.reload is not None
    assert event.reload.error == f"{reason}; the previous one serves on"


def test_what_can_not_be_prepared() -> None:
    broken = VersionState(status=Status.FAILED, workload="w", reason="npm install failed", generation=2)
    assert look(a_reload(), ClusterState(versions={MILL: broken}), 1, 101.0) == Failed(None, "npm install failed")
    earlier = replace(broken, generation=1)
    assert isinstance(look(a_reload(), ClusterState(versions={MILL: earlier}), 1, 101.0), Reload)


def test_a_service_that_is_stopped_meanwhile() -> None:
    assert look(a_reload(), a_state(GOING), 0, 101.0) == Failed(None, "it was stopped")


def test_what_ends_after_it_took_over_is_another_story() -> None:
    later = a_state(GOING, replace(READY, status=Status.BACKOFF, ready=False))
    assert is_over(after(*HISTORY[:-1], (100.9, later)), 102.0)


def test_a_job_that_is_done_is_ready() -> None:
    finished = replace(NEW, status=Status.STOPPED, completed=True)
    assert after((100.05, a_state(NEW)), (100.2, a_state(finished))).drained == 100.2
