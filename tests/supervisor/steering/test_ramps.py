"""Step by step, and back when it goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sandbox.control import EditAction, GoldenSignals, Ramp, RampRequest, RampState
from sandbox.errors import ConflictError, ProxyError, UsageError
from tests.supervisor.build import a_project, a_service, a_version
from tests.supervisor.steering.stage import RETRIES, Stage

GOOD = GoldenSignals(seconds=10.0, requests_per_second=50.0, error_ratio=0.0, p50=3.0, p99=9.0)
ASKED = RampRequest(service="steamer", version="v2", steps=(10, 100), every=30.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.supervisor.steering.ramps._TICK", 0.005)
    monkeypatch.setattr("sandbox.supervisor.steering.ramps._AGAIN", 0.005)


def share(stage: Stage) -> int | None:
    """Of v2, in per cent."""
    rules = stage.documents.get("steamer", {}).get("rules", [])
    refs = {ref["version"]: ref.get("weight", 100) for ref in rules[-1]["backendRefs"]} if rules else {}
    return refs.get("v2", 0) if refs else None


async def now(stage: Stage) -> Ramp:
    (ramp,) = (await stage.steering.state()).ramps
    return ramp


async def test_from_step_to_step_to_the_end(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v1")
    stage.signals["steamer", "v2"] = GOOD

    await stage.steering.start_ramp(ASKED)
    assert share(stage) == 10
    stage.now += 30
    await stage.until(lambda: share(stage) == 100)
    stage.now += 30
    await stage.until(lambda: any("is done" in said for said in stage.happened()))

    assert (await now(stage)).state is RampState.DONE and share(stage) == 100


async def test_errors_send_everything_back(stage: Stage) -> None:
    before = (await stage.change("steamer", EditAction.SPLIT, v1=9, v2=0)) and stage.documents
    await stage.steering.start_ramp(ASKED)
    stage.signals["steamer", "v2"] = replace(GOOD, error_ratio=0.05)

    await stage.until(lambda: stage.documents == before)

    ramp = await now(stage)
    assert (ramp.state, ramp.reason) == (RampState.ABORTED, "errors>1% at 10 %: errors 5.0%")


async def test_one_may_begin_while_others_are_looked_at(stage: Stage) -> None:
    steamer, pantry = (a_service(name, a_version("v1"), a_version("v2")) for name in ("steamer", "pantry"))
    await stage.read(a_project(steamer, pantry))
    await stage.steering.start_ramp(ASKED)

    look, _ = await asyncio.gather(stage.steering.state(), stage.steering.start_ramp(replace(ASKED, service="pantry")))

    assert [ramp.service for ramp in look.ramps] == ["steamer"]


async def test_a_full_disk_keeps_nothing_in_force_that_goes_wrong(stage: Stage) -> None:
    await stage.steering.start_ramp(ASKED)
    stage.store._database.execute("PRAGMA query_only = 1")
    stage.signals["steamer", "v2"] = replace(GOOD, error_ratio=0.05)

    await stage.until(lambda: any("is aborted" in said for said in stage.happened()))

    assert stage.documents == {"pantry": RETRIES}


async def test_it_is_ended_by_hand(stage: Stage) -> None:
    await stage.steering.start_ramp(ASKED)

    ramp = await stage.steering.end_ramp("steamer")

    assert (ramp.state, ramp.reason) == (RampState.CANCELLED, "ended by hand; all goes where it went before")
    assert stage.documents == {"pantry": RETRIES}
    with pytest.raises(UsageError, match="no version is being ramped up") as raised:
        await stage.steering.end_ramp("steamer")
    assert raised.value.hint == "begin with: sandbox traffic ramp steamer VERSION"


async def test_one_at_a_time(stage: Stage) -> None:
    await stage.steering.start_ramp(ASKED)

    with pytest.raises(ConflictError, match="v2 is being ramped up already"):
        await stage.steering.start_ramp(ASKED)


async def test_a_version_that_has_everything_can_not_be_given_more(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")

    with pytest.raises(UsageError, match="has all of the traffic already") as raised:
        await stage.steering.start_ramp(ASKED)
    assert raised.value.hint == "see who gets what: sandbox traffic get steamer"


async def test_the_next_one_is_followed_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.supervisor.steering.ramps._TICK", 600.0)
    await stage.steering.start_ramp(ASKED)
    await stage.steering.end_ramp("steamer")

    await stage.steering.start_ramp(ASKED)

    await stage.until(lambda: len(stage.tasks._tasks) == 1)


async def test_somebody_else_who_changes_the_policy_ends_it(stage: Stage) -> None:
    await stage.steering.start_ramp(ASKED)
    await stage.change("steamer", EditAction.ROUTE, version="v1")

    await stage.until(lambda: any("is cancelled" in said for said in stage.happened()))

    assert share(stage) == 0


async def test_it_takes_nothing_of_what_somebody_else_changed_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.supervisor.steering.ramps._TICK", 600.0)
    await stage.steering.start_ramp(ASKED)
    await stage.change("steamer", EditAction.ROUTE, version="v1")

    ramp = await stage.steering.end_ramp("steamer")

    assert (ramp.state, "stays so" in ramp.reason) == (RampState.CANCELLED, True)
    assert share(stage) == 0 and stage.store.noted("ramps") == []


async def test_only_some_requests(stage: Stage) -> None:
    await stage.steering.start_ramp(replace(ASKED, match={"headers": {"x-user": "me"}}))

    (mine,) = stage.documents["steamer"]["rules"]
    assert mine["matches"] == [{"headers": {"x-user": "me"}}]
    assert mine["backendRefs"] == [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]


async def test_a_new_supervisor_goes_on_with_it(stage: Stage) -> None:
    stage.signals["steamer", "v2"] = GOOD
    await stage.steering.start_ramp(ASKED)

    await stage.lives_again()
    assert share(stage) == 10 and (await now(stage)).state is RampState.RUNNING
    stage.now += 30
    await stage.until(lambda: share(stage) == 100)


async def test_a_proxy_that_refuses_a_step_is_asked_again(stage: Stage) -> None:
    stage.signals["steamer", "v2"] = GOOD
    await stage.steering.start_ramp(ASKED)
    stage.refuses = lambda policies: True
    stage.now += 30
    await stage.until(lambda: any("the ramp of steamer waits" in said for said in stage.happened()))

    stage.refuses = lambda policies: False
    await stage.until(lambda: share(stage) == 100)


async def test_a_first_step_that_is_refused_is_no_ramp(stage: Stage) -> None:
    stage.refuses = lambda policies: True

    with pytest.raises(ProxyError):
        await stage.steering.start_ramp(ASKED)

    assert (await stage.steering.state()).ramps == () and stage.documents == {"pantry": RETRIES}
