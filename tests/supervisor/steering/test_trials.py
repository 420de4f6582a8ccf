"""A trial ends: at its time, by hand, or as soon as there is a supervisor again."""

from __future__ import annotations

import pytest

from sandbox.control import Change, EditAction, GoldenSignals, Origin, Trial
from sandbox.errors import ConflictError, UsageError
from tests.supervisor.steering.stage import RETRIES, Stage, an_edit, street

BAD = GoldenSignals(seconds=60.0, requests_per_second=5.0, error_ratio=0.2, p50=3.0, p99=9.0)
GOOD = GoldenSignals(seconds=5.0, requests_per_second=5.0, error_ratio=0.0, p50=3.0, p99=9.0)
V2 = {"rules": [{"backendRefs": [{"version": "v2"}]}]}


async def begin(stage: Stage, seconds: float = 60.0) -> Trial:
    edits = (an_edit("steamer", EditAction.ROUTE, version="v2"),)
    return await stage.steering.start_trial(Change(edits=edits), seconds)


async def now(stage: Stage) -> Trial:
    trial = (await stage.steering.state()).trial
    assert trial is not None
    return trial


async def test_it_is_in_force_with_the_signals_before_and_since(stage: Stage) -> None:
    stage.signals["steamer", None] = BAD
    trial = await begin(stage)
    stage.signals["steamer", None] = GOOD

    assert (trial.revision, trial.began_at, trial.ends_at, trial.before) == (2, 1000.0, 1060.0, {"steamer": BAD})
    assert (await now(stage)).now == {"steamer": GOOD}
    assert stage.documents == {"pantry": RETRIES, "steamer": V2}


async def test_it_ends_by_itself(stage: Stage) -> None:
    await begin(stage, seconds=0.02)
    await stage.until(lambda: "steamer" in stage.documents)
    stage.now += 0.02

    await stage.until(lambda: "steamer" not in stage.documents)

    assert (await now(stage)).ended == "reverted: its time was over"
    newest, *_ = await stage.steering.history()
    assert (newest.number, newest.origin) == (3, Origin.TRIAL)


async def test_it_ends_by_hand(stage: Stage) -> None:
    await begin(stage)

    trial = await stage.steering.end_trial(keep=False)

    assert trial.ended == "reverted: ended by hand" and stage.documents == {"pantry": RETRIES}


async def test_it_is_kept(stage: Stage) -> None:
    await begin(stage)

    trial = await stage.steering.end_trial(keep=True)
    await stage.lives_again()

    assert trial.ended == "kept" and stage.documents == {"pantry": RETRIES, "steamer": V2}
    with pytest.raises(UsageError, match="nothing is being tried") as raised:
        await stage.steering.end_trial(keep=True)
    assert "sandbox traffic try" in raised.value.hint


async def test_one_at_a_time_and_not_for_nothing(stage: Stage) -> None:
    await begin(stage)

    with pytest.raises(ConflictError, match="steamer is being tried already"):
        await begin(stage)
    await stage.steering.end_trial(keep=True)
    with pytest.raises(UsageError, match="nothing would change"):
        await begin(stage)


async def test_a_supervisor_that_died_meanwhile_does_not_keep_it_alive(stage: Stage) -> None:
    await begin(stage)
    await stage.dies()
    stage.now += 61

    stage._begin()
    await stage.read()

    assert stage.documents == {"pantry": RETRIES}
    newest, *_ = await stage.steering.history()
    assert newest.why == "its time ended while no supervisor ran"
    assert (await now(stage)).ended == "reverted: its time ended while no supervisor ran"


async def test_a_disk_that_is_full_by_then_delays_its_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.supervisor.steering.trials._AGAIN", 0.01)
    await begin(stage)
    await stage.dies()
    stage.now += 61

    stage._begin()
    stage.store._database.execute("PRAGMA query_only = 1")
    await stage.read()
    await stage.until(lambda: any("could not be reverted yet" in said for said in stage.happened()))
    stage.store._database.execute("PRAGMA query_only = 0")

    await stage.until(lambda: stage.documents == {"pantry": RETRIES})
    assert (await now(stage)).ended == "reverted: its time was over"


async def test_a_supervisor_that_came_back_in_time_goes_on_with_it(stage: Stage) -> None:
    stage.signals["steamer", None] = BAD
    await begin(stage)

    await stage.lives_again()

    trial = await now(stage)
    assert (trial.ended, trial.before, trial.ends_at) == (None, {"steamer": BAD}, 1060.0)
    assert (await stage.steering.end_trial(keep=False)).ended == "reverted: ended by hand"
    assert stage.documents == {"pantry": RETRIES}


async def test_what_somebody_else_changed_meanwhile_stays(stage: Stage) -> None:
    await begin(stage)
    await stage.change("steamer", EditAction.ROUTE, version="v1")
    await stage.change("pantry", EditAction.CLEAR, what="all")

    await stage.steering.end_trial(keep=False)

    assert stage.documents == {"steamer": {"rules": [{"backendRefs": [{"version": "v1"}]}]}}
    assert any("was changed during the trial, and stays so" in said for said in stage.happened())


async def test_a_way_back_that_no_longer_fits_is_the_files(stage: Stage) -> None:
    await stage.change("pantry", EditAction.LIMIT, concurrency=3)
    await stage.steering.start_trial(Change(edits=(an_edit("pantry", EditAction.LIMIT, concurrency=9),)), 60.0)
    await stage.read(street(pantry=RETRIES, orders={"concurrency": 1}))

    await stage.steering.end_trial(keep=False)

    assert stage.documents["pantry"] == {**RETRIES, "concurrency": 3}


async def test_a_proxy_that_refuses_the_way_back_is_asked_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.supervisor.steering.trials._AGAIN", 0.01)
    await begin(stage, seconds=0.02)
    stage.refuses = lambda policies: "steamer" not in policies
    stage.now += 0.02

    await stage.until(lambda: any("could not be reverted yet" in said for said in stage.happened()))
    stage.refuses = lambda policies: False
    await stage.until(lambda: "steamer" not in stage.documents)


async def test_a_full_disk_keeps_nothing_in_force_that_has_ended(stage: Stage) -> None:
    await begin(stage)
    stage.store._database.execute("PRAGMA query_only = 1")

    trial = await stage.steering.end_trial(keep=False)

    assert trial.ended == "reverted: ended by hand" and stage.documents == {"pantry": RETRIES}
    assert any("not known to the next supervisor" in said for said in stage.happened())
    stage.now += 61
    await stage.lives_again()
    assert stage.documents == {"pantry": RETRIES} and (await now(stage)).ended is not None


async def test_a_note_that_nobody_of_ours_wrote_is_no_trial(stage: Stage) -> None:
    stage.store.note(trial={"what": "?"})

    await stage.lives_again()

    assert (await stage.steering.state()).trial is None and stage.store.noted("trial") is None
