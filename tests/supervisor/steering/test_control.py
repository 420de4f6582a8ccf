"""Changes are whole or not at all, in force before they are answered, and known to the next supervisor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import Change, EditAction, Origin, RampRequest, RequestHead
from sandbox.errors import (
    ConfigError,
    ConflictError,
    NotFoundError,
    PreconditionError,
    ProxyError,
    RefusedPolicyError,
    UsageError,
)
from sandbox.supervisor.steering.means import Policies
from sandbox.traffic.whatif import Recorded
from tests.supervisor.build import a_project, a_service
from tests.supervisor.steering.stage import RETRIES, Stage, an_edit, street

HALF = {"rules": [{"backendRefs": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]}]}
V2 = {"rules": [{"backendRefs": [{"version": "v2"}]}]}


async def test_the_file_is_the_first_revision(stage: Stage) -> None:
    state = await stage.steering.state()

    assert (state.revision, state.policies, state.drift) == (1, {"pantry": RETRIES}, ())
    assert stage.documents == {"pantry": RETRIES}
    assert state.versions["steamer"] == ("v1", "v2")
    assert [(one.number, one.origin, one.summary) for one in await stage.steering.history()] == [
        (1, Origin.FILE, "as the file says")
    ]


async def test_a_change_is_in_force_when_it_is_answered(stage: Stage) -> None:
    result = await stage.change("steamer", EditAction.SPLIT, v1=1, v2=1)

    assert result.revision is not None
    assert (result.revision.number, result.revision.summary) == (
        2,
        "steamer: v1 50 %, v2 50 % (was all versions alike)",
    )
    assert stage.documents == {"pantry": RETRIES, "steamer": HALF}
    assert (await stage.steering.state()).drift == ("steamer",)
    assert "+steamer:" in result.diff
    assert "traffic revision 2, cli: steamer: v1 50 %" in stage.happened()[-1]


async def test_the_same_change_again_changes_nothing(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")

    again = await stage.change("steamer", EditAction.ROUTE, version="v2")

    assert (again.revision, again.changed, again.diff) == (None, (), "")
    assert (await stage.steering.state()).revision == 2


async def test_edits_of_several_services_are_made_together_or_not_at_all(stage: Stage) -> None:
    good = an_edit("steamer", EditAction.ROUTE, version="v2")
    bad = an_edit("orders", EditAction.ROUTE, version="v9")

    with pytest.raises(ConfigError) as caught:
        await stage.steering.change(Change(edits=(good, bad)))

    assert "orders has no version v9" in str(caught.value)
    assert stage.documents == {"pantry": RETRIES}
    both = await stage.steering.change(
        Change(edits=(good, an_edit("orders", EditAction.FAULT, delay={"fixedDelay": "1s"})))
    )
    assert both.changed == ("orders", "steamer") and both.revision is not None
    assert both.revision.services == ("orders", "steamer")


async def test_what_the_proxy_refuses_changes_nothing(stage: Stage) -> None:
    stage.refuses = lambda policies: "steamer" in policies

    with pytest.raises(RefusedPolicyError, match="Envoy refuses it"):
        await stage.change("steamer", EditAction.ROUTE, version="v2")

    assert stage.documents == {"pantry": RETRIES}
    assert (await stage.steering.state()).revision == 1


async def test_what_can_not_be_kept_is_taken_back(stage: Stage) -> None:
    stage.store._database.execute("PRAGMA query_only = 1")

    with pytest.raises(Exception, match="can't keep the history"):
        await stage.change("steamer", EditAction.ROUTE, version="v2")

    assert stage.documents == {"pantry": RETRIES}


async def test_a_proxy_that_does_not_serve_yet_is_said(stage: Stage) -> None:
    stage.remark = "the proxy has not confirmed it yet"

    result = await stage.change("steamer", EditAction.ROUTE, version="v2")

    assert [finding.message for finding in result.findings] == ["the proxy has not confirmed it yet"]


async def test_a_change_that_expects_another_revision_is_refused(stage: Stage) -> None:
    edits = (an_edit("steamer", EditAction.ROUTE, version="v2"),)

    with pytest.raises(PreconditionError, match="revision 1 is in force, not 7"):
        await stage.steering.change(Change(edits=edits, if_revision=7))
    await stage.steering.change(Change(edits=edits, if_revision=1))


async def test_so_are_a_rollback_a_trial_and_a_ramp(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v1")
    ramp = RampRequest(service="steamer", version="v2", steps=(50, 100), every=30, if_revision=1)
    trial = Change(edits=(an_edit("orders", EditAction.LIMIT, concurrency=3),), if_revision=1)

    for attempt in (
        stage.steering.rollback(1, if_revision=1),
        stage.steering.start_trial(trial, 60.0),
        stage.steering.start_ramp(ramp),
    ):
        with pytest.raises(PreconditionError, match="revision 2 is in force, not 1"):
            await attempt

    assert (await stage.steering.rollback(1, if_revision=2)).against == 2


async def test_of_changes_at_the_same_time_one_meets_its_condition(stage: Stage) -> None:
    def wish(version: str) -> Change:
        return Change(edits=(an_edit("steamer", EditAction.ROUTE, version=version),), if_revision=1)

    outcomes = await asyncio.gather(
        *(stage.steering.change(wish(version)) for version in ("v1", "v2")), return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in outcomes) == ["ChangeResult", "PreconditionError"]


async def test_a_dry_run_tells_and_changes_nothing(stage: Stage) -> None:
    stage.recorded = [Recorded(at=990.0 + index, head=RequestHead(service="steamer")) for index in range(4)]
    stage.ready["steamer"] = frozenset({"v1", "v2"})
    edits = (an_edit("steamer", EditAction.ROUTE, version="v2"),)

    result = await stage.steering.change(Change(edits=edits, dry_run=True))

    assert result.revision is None and result.changed == ("steamer",)
    assert result.what_if is not None and result.what_if.moved == (("steamer v1", "steamer v2", 2),)
    assert stage.documents == {"pantry": RETRIES}


async def test_what_becomes_questionable_is_said(stage: Stage) -> None:
    stage.ready["steamer"] = frozenset({"v1"})

    result = await stage.change("steamer", EditAction.ROUTE, version="v2")

    assert [finding.severity for finding in result.findings] == ["error"]
    assert result.findings == tuple(await stage.steering.lint())


async def test_bad_names_and_empty_changes(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="no such service"):
        await stage.change("oven", EditAction.ROUTE, version="v2")
    with pytest.raises(UsageError, match="nothing to change"):
        await stage.steering.change(Change(edits=()))
    with pytest.raises(NotFoundError):
        await stage.steering.explain(RequestHead(service="oven"))
    with pytest.raises(NotFoundError):
        await stage.steering.explain(RequestHead(service="steamer", caller="oven"))


# --- revisions --------------------------------------------------------------------------------------------------------


async def test_there_and_back(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    await stage.change("steamer", EditAction.SPLIT, v1=1, v2=1)

    wish = await stage.steering.rollback(dry_run=True)
    assert wish.revision is None and wish.changed == ("steamer",) and wish.against == 3
    assert "steamer" in stage.documents and stage.documents["steamer"] != V2

    back = await stage.steering.rollback()
    assert back.revision is not None and back.revision.why == "back to revision 2"
    assert stage.documents == {"pantry": RETRIES, "steamer": V2}

    await stage.steering.rollback(1, Origin.CLI, "enough")
    assert stage.documents == {"pantry": RETRIES}
    with pytest.raises(NotFoundError, match="no such revision"):
        await stage.steering.rollback(99)


async def test_the_way_back_leads_to_no_trial_that_is_over(stage: Stage) -> None:
    trial = Change(edits=(an_edit("steamer", EditAction.ROUTE, version="v2"),))
    await stage.change("orders", EditAction.LIMIT, concurrency=3)
    await stage.steering.start_trial(trial, 60.0)
    await stage.steering.end_trial(keep=False)

    await stage.steering.rollback()

    assert stage.documents == {"pantry": RETRIES}


async def test_what_was_tried_and_kept_is_a_way_back(stage: Stage) -> None:
    trial = Change(edits=(an_edit("steamer", EditAction.ROUTE, version="v2"),))
    await stage.steering.start_trial(trial, 60.0)
    await stage.steering.end_trial(keep=True)
    await stage.change("orders", EditAction.LIMIT, concurrency=3)

    await stage.steering.rollback()

    assert stage.documents == {"pantry": RETRIES, "steamer": V2}


async def test_nothing_earlier_to_go_back_to(stage: Stage) -> None:
    with pytest.raises(UsageError, match="no earlier revision") as raised:
        await stage.steering.rollback()
    assert "sandbox traffic history" in raised.value.hint


async def test_differences(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    await stage.change("steamer", EditAction.ROUTE, version="v1")

    assert "+    - version: v1" in await stage.steering.diff(1)
    between = await stage.steering.diff(2, 3)
    assert ("-    - version: v2" in between) and ("+    - version: v1" in between)
    assert "+++ in force" in await stage.steering.drift()


async def test_the_next_supervisor_knows_what_was_in_force(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")

    await stage.lives_again()

    assert stage.documents == {"pantry": RETRIES, "steamer": V2}
    state = await stage.steering.state()
    assert (state.revision, state.drift) == (2, ("steamer",))


# --- the file ---------------------------------------------------------------------------------------------------------


async def test_a_save_takes_over_what_it_changed_and_nothing_else(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")

    await stage.read(street(pantry=RETRIES, orders={"concurrency": 5}))

    assert stage.documents == {"orders": {"concurrency": 5}, "pantry": RETRIES, "steamer": V2}
    newest, *_ = await stage.steering.history()
    assert (newest.origin, newest.services) == (Origin.FILE, ("orders",))
    assert (await stage.steering.state()).drift == ("steamer",)


async def test_what_the_file_says_of_a_service_again_wins_over_what_was_done_by_hand(stage: Stage) -> None:
    await stage.change("pantry", EditAction.CLEAR, what="all")
    await stage.read()
    assert "pantry" not in stage.documents  # reading what it said before undoes nothing

    await stage.read(street(pantry={"concurrency": 1}))

    assert stage.documents == {"pantry": {"concurrency": 1}}


async def test_a_policy_that_left_the_file_is_no_longer_in_force(stage: Stage) -> None:
    await stage.read(street())

    assert stage.documents == {}


async def test_a_change_while_no_supervisor_ran_counts(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    stage.project = street(pantry={"concurrency": 1})

    await stage.lives_again()

    assert stage.documents == {"pantry": {"concurrency": 1}, "steamer": V2}


async def test_a_version_that_is_gone_takes_its_policy_with_it(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    services = {**stage.project.services, "steamer": a_service("steamer", calls=("pantry",))}

    await stage.read(replace(stage.project, services=services))

    assert stage.documents == {"pantry": RETRIES}
    assert any("the policy of steamer does not fit the project any more" in said for said in stage.happened())


async def test_a_service_that_is_gone_too(stage: Stage) -> None:
    await stage.read(a_project(a_service("shop", public=True)))

    assert stage.documents == {}


# --- a file that Envoy refuses ----------------------------------------------------------------------------------------


async def test_a_file_that_envoy_refuses_is_no_revision(stage: Stage) -> None:
    stage.refuses, stage.refused_at = lambda policies: "steamer" in policies, "traffic.steamer.rules[0]"

    with pytest.raises(RefusedPolicyError):
        await stage.read(street(pantry={"concurrency": 1}, steamer=V2))

    state = await stage.steering.state()
    assert stage.documents == {"pantry": RETRIES}
    assert (state.revision, state.policies, state.drift) == (1, {"pantry": RETRIES}, ("pantry", "steamer"))
    assert state.refused == "traffic.steamer.rules[0]: Envoy refuses it: bad"
    assert [one.number for one in await stage.steering.history()] == [1]
    with pytest.raises(ConflictError, match="would be lost"):
        await stage.steering.save()
    assert (await stage.steering.save(["steamer"])).services == ("steamer",)
    assert "+steamer" not in await stage.steering.drift() and "-steamer" in await stage.steering.drift()


async def test_it_is_tried_again_whenever_it_is_read(stage: Stage) -> None:
    refused = street(pantry=RETRIES, steamer=V2)
    stage.refuses = lambda policies: "steamer" in policies
    with pytest.raises(RefusedPolicyError):
        await stage.read(refused)
    with pytest.raises(RefusedPolicyError):
        await stage.read(refused)

    stage.refuses = lambda policies: False
    await stage.read(refused)

    assert stage.documents == {"pantry": RETRIES, "steamer": V2}
    state = await stage.steering.state()
    assert (state.revision, state.drift, state.refused) == (2, (), "")


async def test_a_file_that_is_mended_says_what_is_in_force_already(stage: Stage) -> None:
    stage.refuses = lambda policies: "steamer" in policies
    with pytest.raises(RefusedPolicyError):
        await stage.read(street(pantry=RETRIES, steamer=V2))

    await stage.read(street(pantry=RETRIES))

    state = await stage.steering.state()
    assert (state.revision, state.drift, state.refused) == (1, (), "")


async def test_a_supervisor_that_begins_with_it_keeps_what_was_in_force(stage: Stage) -> None:
    await stage.change("orders", EditAction.LIMIT, concurrency=3)
    stage.project = street(pantry=RETRIES, steamer=V2)
    stage.refuses = lambda policies: "steamer" in policies

    await stage.lives_again()

    state = await stage.steering.state()
    assert stage.refusal is not None and state.refused == str(stage.refusal)
    assert (state.revision, state.drift) == (2, ("orders", "steamer"))
    assert stage.documents == {"orders": {"concurrency": 3}, "pantry": RETRIES}
    stage.refuses = lambda policies: False
    await stage.read(stage.project)
    assert "steamer" in stage.documents


async def test_a_first_start_goes_without_the_policies_that_envoy_refuses(tmp_path: Path) -> None:
    stage = Stage(tmp_path, street(pantry=RETRIES, steamer=V2, orders={"concurrency": 3}))
    stage.refuses, stage.refused_at = lambda policies: "steamer" in policies, "traffic.steamer.rules[0]"

    await stage.read()

    state = await stage.steering.state()
    assert stage.documents == {"orders": {"concurrency": 3}, "pantry": RETRIES}
    assert (state.revision, state.drift) == (1, ("steamer",))
    assert "steamer" not in (await stage.steering.history())[0].services
    await stage.dies()


async def test_where_envoy_does_not_say_which_it_goes_without_any(tmp_path: Path) -> None:
    stage = Stage(tmp_path, street(pantry=RETRIES, steamer=V2))
    stage.refuses = bool

    await stage.read()

    state = await stage.steering.state()
    assert (stage.documents, state.revision, state.drift) == ({}, 1, ("pantry", "steamer"))
    await stage.dies()


async def test_what_is_refused_for_no_policy_leaves_them_in_force(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    stage.project = street(pantry={"concurrency": 3})

    async def refuse(policies: Policies) -> None:
        raise ProxyError("refused it: listener: no such transport socket")

    monkeypatch.setattr(stage, "offer", refuse)
    await stage.lives_again()
    await stage.change("orders", EditAction.LIMIT, concurrency=3)

    assert stage.refusal is not None and "no such transport socket" in (await stage.steering.state()).refused
    assert sorted(stage.documents) == ["orders", "pantry", "steamer"]


async def test_save_writes_what_is_in_force(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    await stage.change("pantry", EditAction.CLEAR, what="all")

    saved = await stage.steering.save(["steamer"])
    assert (saved.file, saved.services, stage.saved) == (
        "/app/sandbox.yaml",
        ("steamer",),
        {"steamer": V2},
    )
    assert (await stage.steering.save()).services == ("pantry", "steamer")
    assert stage.saved == {"pantry": {}, "steamer": V2}


async def test_a_change_between_a_save_and_the_reading_of_the_file_stays(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    await stage.change("pantry", EditAction.CLEAR, what="all")
    await stage.steering.save()

    await stage.change("steamer", EditAction.ROUTE, version="v1")
    await stage.change("pantry", EditAction.LIMIT, concurrency=3)
    await stage.read(street(steamer=V2))

    v1 = {"rules": [{"backendRefs": [{"version": "v1"}]}]}
    assert stage.documents == {"pantry": {"concurrency": 3}, "steamer": v1}
    await stage.lives_again()
    assert stage.documents == {"pantry": {"concurrency": 3}, "steamer": v1}
    assert (await stage.steering.state()).drift == ("pantry", "steamer")


async def test_there_is_nothing_to_save(stage: Stage) -> None:
    assert (await stage.steering.save()).file is None


# --- questions --------------------------------------------------------------------------------------------------------


async def test_explaining_what_is_in_force(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2", match={"headers": {"x-user": "me"}})

    mine = await stage.steering.explain(RequestHead(service="steamer", caller="orders", headers={"x-user": "me"}))
    other = await stage.steering.explain(RequestHead(service="steamer"))

    assert (mine.answered_by, other.answered_by) == ("steamer v2", "steamer v1 50 %, v2 50 %")
