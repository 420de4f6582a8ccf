"""Desired and known, and the actions between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.control import Status
from sandbox.model import Condition, RestartPolicy
from sandbox.runtime.base import Exit
from sandbox.supervisor.desired import Desired, VersionKey, Wishes
from sandbox.supervisor.plan import Action, ForgetVersion, Prepare, next_deadline, plan, waits_for
from sandbox.supervisor.rollout import Forget, Start, Stop, Target
from sandbox.supervisor.state import (
    ClusterState,
    Exited,
    InstanceState,
    PrepareAsked,
    Prepared,
    Probed,
    StartAsked,
    Started,
    StopAsked,
    Stopped,
    VersionGone,
)
from tests.supervisor.build import (
    ARTIFACT,
    a_service,
    a_version,
    an_instance,
    desire,
    fold,
    prepared,
    running,
    targets,
    with_instances,
)


def test_everything_is_prepared_first_and_at_once() -> None:
    desired = desire(a_service("mill"), a_service("oven", calls=("mill",)))
    actions = plan(desired, ClusterState(), targets(desired, fingerprint=None), 0)
    assert [type(action) for action in actions] == [Prepare, Prepare]


def test_a_prepared_version_is_started_as_often_as_wanted() -> None:
    desired = desire(a_service("mill", a_version(replicas=2)))
    actions = plan(desired, prepared(("mill", "v1")), targets(desired), 0)
    assert [action.wanted.id for action in actions if isinstance(action, Start)] == ["mill-v1-1", "mill-v1-2"]


def test_nothing_to_do_is_an_empty_plan() -> None:
    desired = desire(a_service("mill"))
    assert plan(desired, with_instances(prepared(("mill", "v1")), an_instance("mill-v1-1")), targets(desired), 0) == ()


def test_a_caller_waits_for_its_callee_and_says_for_whom() -> None:
    desired = desire(a_service("mill"), a_service("oven", calls=("mill",), condition=Condition.HEALTHY))
    state = prepared(("mill", "v1"), ("oven", "v1"))
    started = [action.wanted.id for action in plan(desired, state, targets(desired), 0) if isinstance(action, Start)]
    assert started == ["mill-v1-1"]

    starting = replace(an_instance("mill-v1-1", Status.STARTING), reason="not ready yet")
    state = with_instances(state, starting)
    assert plan(desired, state, targets(desired), 0) == ()
    assert waits_for("oven", desired, state) == "waits for mill to be healthy (starting: not ready yet)"

    state = with_instances(state, an_instance("mill-v1-1"))
    assert [type(action) for action in plan(desired, state, targets(desired), 0)] == [Start]


def test_a_one_off_must_have_finished() -> None:
    desired = desire(a_service("seed"), a_service("mill", calls=("seed",), condition=Condition.COMPLETED))
    state = with_instances(prepared(("seed", "v1"), ("mill", "v1")), an_instance("seed-v1-1"))
    assert plan(desired, state, targets(desired), 0) == ()
    end = Exited(Exit(id="seed-v1-1", pid=100, code=0, signal=None, at=1001.0), RestartPolicy.ON_FAILURE)
    (action,) = plan(desired, fold(state, end), targets(desired), 0)
    assert isinstance(action, Start)
    assert action.wanted.id == "mill-v1-1"


def test_a_callee_that_was_stopped_by_hand_holds_nobody_up() -> None:
    desired = desire(a_service("mill"), a_service("oven", calls=("mill",)), wishes=Wishes(stopped=frozenset({"mill"})))
    actions = plan(desired, prepared(("oven", "v1")), targets(desired), 0)
    assert [type(action) for action in actions] == [Start]


@pytest.mark.parametrize("condition", Condition)
def test_a_callee_that_is_scaled_to_none_holds_nobody_up(condition: Condition) -> None:
    services = a_service("mill", a_version(replicas=0)), a_service("oven", calls=("mill",), condition=condition)
    assert waits_for("oven", desire(*services), ClusterState()) is None
    wishes = Wishes().scaled(VersionKey("mill", "v1"), 1)
    assert waits_for("oven", desire(*services, wishes=wishes), ClusterState()) is not None


def test_backoff_ends_at_its_time() -> None:
    desired = desire(a_service("mill"))
    waiting = replace(an_instance("mill-v1-1", Status.BACKOFF), retry_at=50.0)
    state = with_instances(prepared(("mill", "v1")), waiting)
    assert next_deadline(state, 49.0) == 50.0
    assert next_deadline(state, 50.0) is None  # due already: what it still waits for is a fact, not a time
    assert plan(desired, state, targets(desired), 49.9) == ()
    assert [type(action) for action in plan(desired, state, targets(desired), 50.0)] == [Start]


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    desired = desire(a_service("mill"))
    waiting = replace(an_instance("mill-v1-1", Status.BACKOFF), retry_at=5000.0)
    state = with_instances(prepared(("mill", "v1")), waiting)
    assert next_deadline(state, 1400.0) is None
    assert [type(action) for action in plan(desired, state, targets(desired), 1400.0)] == [Start]


def test_a_restart_does_not_wait_for_the_end_of_a_backoff() -> None:
    desired = desire(a_service("mill"), wishes=Wishes(generations={"mill": 1}))
    waiting = replace(an_instance("mill-v1-1", Status.BACKOFF), retry_at=50.0, restarts=5, streak=5)
    state = with_instances(prepared(("mill", "v1")), waiting)
    state = fold(state, PrepareAsked(VersionKey("mill", "v1"), "w", 1), Prepared(VersionKey("mill", "v1"), ARTIFACT))
    forget, start = plan(desired, state, targets(desired), 0)
    assert forget == Forget("mill-v1-1")
    assert isinstance(start, Start)
    again = fold(state, StartAsked(start.wanted, start.fingerprint, start.generation)).instances[start.wanted.id]
    assert (again.restarts, again.streak) == (0, 0)


def test_what_scaling_down_drops_is_not_started_again() -> None:
    desired = desire(a_service("mill", a_version(replicas=2)))
    due = replace(an_instance("mill-v1-1", Status.BACKOFF, index=1), retry_at=5.0)
    others = [an_instance(f"mill-v1-{index}", index=index) for index in (2, 3)]
    state = with_instances(prepared(("mill", "v1")), due, *others)
    assert plan(desired, state, targets(desired), 10.0) == (Forget("mill-v1-1"),)


def test_scaling_down_stops_the_last_and_scaling_to_zero_all() -> None:
    service = a_service("mill", a_version(replicas=3))
    state = with_instances(
        prepared(("mill", "v1")), *(an_instance(f"mill-v1-{index}", index=index) for index in (1, 2, 3))
    )
    desired = desire(service, wishes=Wishes(replicas={VersionKey("mill", "v1"): 1}))
    stops = [action.instance for action in plan(desired, state, targets(desired), 0) if isinstance(action, Stop)]
    assert stops == ["mill-v1-3", "mill-v1-2"]


def test_a_stop_by_hand_says_so() -> None:
    desired = desire(a_service("mill"), wishes=Wishes(stopped=frozenset({"mill"})))
    state = with_instances(prepared(("mill", "v1")), an_instance("mill-v1-1"))
    assert plan(desired, state, targets(desired), 0) == (Stop("mill-v1-1", "was stopped by hand"),)


def test_a_stopped_service_forgets_what_does_not_run() -> None:
    desired = desire(a_service("mill"), wishes=Wishes(stopped=frozenset({"mill"})))
    state = with_instances(prepared(("mill", "v1")), an_instance("mill-v1-1", Status.BACKOFF))
    assert plan(desired, state, targets(desired), 0) == (Forget("mill-v1-1"),)


def replaced(*instances: InstanceState, count: int = 1, beside: bool = True) -> tuple[Action, ...]:
    """What is planned for a service that is restarted and prepared for it."""
    desired = desire(a_service("mill", a_version(replicas=count)), wishes=Wishes(generations={"mill": 1}))
    state = with_instances(prepared(("mill", "v1")), *instances)
    state = fold(state, PrepareAsked(VersionKey("mill", "v1"), "w", 1), Prepared(VersionKey("mill", "v1"), ARTIFACT))
    known = {key: replace(target, beside=beside) for key, target in targets(desired).items()}
    return plan(desired, state, known, 0)


def started(actions: tuple[Action, ...]) -> list[str]:
    return [action.wanted.id for action in actions if isinstance(action, Start)]


OLD = an_instance("mill-v1-1")
SECOND_OLD = an_instance("mill-v1-2", index=2)


def test_a_restart_starts_the_new_one_beside_the_old_one_under_a_free_number() -> None:
    actions = replaced(OLD)
    assert (len(actions), started(actions)) == (1, ["mill-v1-2"])


def test_the_old_one_goes_when_the_new_one_is_ready_and_not_before() -> None:
    assert replaced(OLD, an_instance("mill-v1-2", Status.STARTING, index=2, generation=1)) == ()
    assert replaced(OLD, an_instance("mill-v1-2", index=2, generation=1)) == (Stop("mill-v1-1", "is restarted"),)


def test_replicas_roll_one_by_one() -> None:
    assert started(replaced(OLD, SECOND_OLD, count=2)) == ["mill-v1-3"]
    third = an_instance("mill-v1-3", index=3, generation=1)
    assert replaced(OLD, SECOND_OLD, third, count=2) == (Stop("mill-v1-2", "is restarted"),)
    leaving = replace(SECOND_OLD, status=Status.STOPPING, ready=False)
    assert started(replaced(OLD, leaving, third, count=2)) == ["mill-v1-4"]
    assert started(replaced(OLD, third, count=2)) == ["mill-v1-2"]


def test_a_new_one_that_fails_leaves_the_old_one_serving() -> None:
    failing = replace(an_instance("mill-v1-2", Status.BACKOFF, index=2, generation=1), retry_at=9.0)
    assert replaced(OLD, failing) == ()
    sick = an_instance("mill-v1-2", Status.UNHEALTHY, index=2, generation=1)
    assert replaced(OLD, sick) == ()


def test_a_rollout_that_is_superseded_drops_what_it_began() -> None:
    begun = an_instance("mill-v1-2", Status.STARTING, index=2)
    assert replaced(OLD, begun) == (Stop("mill-v1-2", "is restarted"),)
    failed = replace(an_instance("mill-v1-2", Status.BACKOFF, index=2), retry_at=9.0)
    actions = replaced(OLD, failed)
    assert actions[0] == Forget("mill-v1-2")
    assert len(started(actions)) == 1


def test_what_writes_to_a_volume_is_replaced_in_place() -> None:
    assert replaced(OLD, beside=False) == (Stop("mill-v1-1", "is restarted"),)
    leaving = replace(OLD, status=Status.STOPPING, ready=False)
    assert replaced(leaving, beside=False) == ()
    assert started(replaced(beside=False)) == ["mill-v1-1"]
    assert replaced(OLD, SECOND_OLD, count=2, beside=False) == (Stop("mill-v1-1", "is restarted"),)
    assert replaced(leaving, SECOND_OLD, count=2, beside=False) == ()
    new = an_instance("mill-v1-1", Status.STARTING, generation=1)
    assert replaced(new, SECOND_OLD, count=2, beside=False) == ()


def test_a_rollout_does_not_wait_for_what_the_first_start_waited_for() -> None:
    """A callee that is ill must not keep its callers from new code."""
    desired = desire(
        a_service("mill"),
        a_service("oven", calls=("mill",), condition=Condition.HEALTHY),
        wishes=Wishes(generations={"oven": 1}),
    )
    state = with_instances(
        prepared(("mill", "v1"), ("oven", "v1")), an_instance("mill-v1-1", Status.UNHEALTHY), an_instance("oven-v1-1")
    )
    oven = VersionKey("oven", "v1")
    state = fold(state, PrepareAsked(oven, "w", 1), Prepared(oven, ARTIFACT))
    assert started(plan(desired, state, targets(desired), 0)) == ["oven-v1-2"]


def test_while_a_version_is_prepared_anew_the_old_instance_serves() -> None:
    desired = desire(a_service("mill"))
    state = with_instances(prepared(("mill", "v1")), an_instance("mill-v1-1"))
    changed = targets(desired, workload="changed", fingerprint=None)
    assert plan(desired, state, changed, 0) == (Prepare(VersionKey("mill", "v1"), "changed", 0),)
    state = fold(state, PrepareAsked(VersionKey("mill", "v1"), "changed", 0))
    assert plan(desired, state, changed, 0) == ()


def test_a_failed_preparation_is_not_tried_again_until_asked() -> None:
    desired = desire(a_service("mill"))
    failed = prepared(("mill", "v1"))
    state = replace(
        failed, versions={key: replace(v, status=Status.FAILED, artifact=None) for key, v in failed.versions.items()}
    )
    assert plan(desired, state, targets(desired, fingerprint=None), 0) == ()
    again = replace(desired, wishes=Wishes(generations={"mill": 1}))
    assert [type(action) for action in plan(again, state, targets(desired, fingerprint=None), 0)] == [Prepare]


def test_a_service_that_left_the_file_is_stopped_and_forgotten() -> None:
    desired = desire(a_service("oven"))
    state = with_instances(prepared(("mill", "v1"), ("oven", "v1")), an_instance("mill-v1-1"), an_instance("oven-v1-1"))
    actions = plan(desired, state, targets(desired), 0)
    assert actions == (Stop("mill-v1-1", "is no longer wanted"), ForgetVersion(VersionKey("mill", "v1")))


# --- whatever happens, planning and acting come to rest where they should -----------------------------------------

happenings = st.lists(
    st.tuples(st.sampled_from(["crash", "sick", "restart", "reload", "scale", "stop"]), st.integers(0, 3))
)


@settings(max_examples=200)
@given(happenings)
def test_whatever_happens_the_cluster_settles_as_desired(story: list[tuple[str, int]]) -> None:
    desired = desire(
        a_service("mill", a_version(replicas=2)),
        a_service("oven", a_version("v1"), a_version("v2"), calls=("mill",), condition=Condition.HEALTHY),
    )
    state = settle(desired, ClusterState(), now=1000.0)
    for step, (what, which) in enumerate(story):
        desired, state = happen(desired, state, what, which, now=2000.0 + step)
        state = settle(desired, state, now=3000.0 + step)
    there = Counter(instance.key for instance in state.instances.values())
    assert there == Counter({key: count for key, count in desired.counts().items() if count})
    assert all(instance.ready for instance in state.instances.values())
    assert all(i.generation == desired.generation(i.key) for i in state.instances.values())


def happen(desired: Desired, state: ClusterState, what: str, which: int, now: float) -> tuple[Desired, ClusterState]:
    wishes, names = desired.wishes, sorted(state.instances)
    match what:
        case "restart":
            return replace(desired, wishes=wishes.restarted(frozenset({"mill"}))), state
        case "reload":
            key = VersionKey("oven", f"v{which % 2 + 1}")
            return replace(desired, wishes=wishes.reloaded(frozenset({key}))), state
        case "scale":
            return replace(desired, wishes=wishes.scaled(VersionKey("mill", "v1"), which + 1)), state
        case "stop":
            return replace(desired, wishes=wishes.with_stopped(frozenset({"oven"}))), state
    instance = state.instances[names[which % len(names)]]
    if what == "crash":
        end = Exit(id=instance.id, pid=instance.pid, code=1, signal=None, at=now)
        return desired, fold(state, Exited(end, RestartPolicy.ON_FAILURE))
    return desired, fold(state, Probed(instance.id, instance.pid, False, Status.UNHEALTHY, "sick"))


def settle(desired: Desired, state: ClusterState, now: float) -> ClusterState:
    """Carry plans out until there is nothing left to do, with a runtime in which all goes well."""
    for _ in range(100):
        known = {
            key: Target("w", "f" if (v := state.versions.get(key)) and v.artifact else None) for key in targets(desired)
        }
        actions = plan(desired, state, known, now)
        if not actions:
            return fold(state, *(Probed(i.id, i.pid, True, Status.HEALTHY, None) for i in state.instances.values()))
        for action in actions:
            match action:
                case Prepare(key, workload, generation):
                    state = fold(state, PrepareAsked(key, workload, generation), Prepared(key, ARTIFACT))
                case Start(wanted, fingerprint, generation):
                    asked = StartAsked(wanted, fingerprint, generation)
                    ready = Probed(wanted.id, 100, True, Status.HEALTHY, None)
                    state = fold(state, asked, Started(running(wanted.id, at=now), {8000: 1}), ready)
                case Stop(instance, reason):
                    state = fold(state, StopAsked(instance, reason), Stopped(instance))
                case Forget(instance):
                    state = fold(state, Stopped(instance))
                case ForgetVersion(key):
                    state = fold(state, VersionGone(key))
        now += 60.0
    raise AssertionError("the plan never came to rest")
