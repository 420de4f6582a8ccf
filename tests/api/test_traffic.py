"""Steering over HTTP: tags of revisions, conflicts, and who may write files."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.errors import ConflictError, PreconditionError, RefusedPolicyError
from tests.api.doors import Doors
from tests.fakes.control import FakeControl

CHANGE: dict[str, Any] = {"edits": [{"service": "steamer", "action": "route", "values": {"version": "v2"}}]}


async def test_the_state_has_the_tag_of_its_revision(doors: Doors) -> None:
    assert (await doors.ask("GET", "/api/traffic")).headers["ETag"] == '"1"'


@pytest.mark.parametrize(("tag", "expected"), [('"7"', 7), ("7", 7), ("*", None), (None, None)])
async def test_a_change_may_name_the_tag_that_it_is_meant_for(
    doors: Doors, control: FakeControl, tag: str | None, expected: int | None
) -> None:
    headers = {"If-Match": tag} if tag is not None else {}

    answer = await doors.ask("POST", "/api/traffic/changes", headers, json=CHANGE)

    assert answer.status == 200
    ((_, change),) = control.traffic.calls
    assert change.if_revision == expected


async def test_so_may_a_rollback_a_trial_and_a_ramp(doors: Doors, control: FakeControl) -> None:
    ramp = {"service": "steamer", "version": "v2", "steps": [50], "every": 30}
    asked = {"rollback": {"number": 3}, "trial": {"change": CHANGE, "seconds": 60}, "ramps": ramp}

    for path, body in asked.items():
        answer = await doors.ask("POST", f"/api/traffic/{path}", {"If-Match": '"7"'}, json=body)
        assert answer.status == 200

    rollback, (_, trial, _), (_, request) = control.traffic.calls
    assert (rollback[-1], trial.if_revision, request.if_revision) == (7, 7, 7)


async def test_what_depends_on_no_revision_says_so(doors: Doors, control: FakeControl) -> None:
    answer = await doors.ask("POST", "/api/traffic/trial/end", {"If-Match": '"7"'}, json={"keep": True})

    assert (answer.status, answer.code, control.traffic.calls) == (400, "bad_usage", [])


async def test_another_revision_is_a_412(doors: Doors, control: FakeControl) -> None:
    stale = PreconditionError("revision 8 is in force, not 7", place="traffic", hint="look")
    control.traffic.failures["rollback"] = stale

    answer = await doors.ask("POST", "/api/traffic/rollback", {"If-Match": '"7"'}, json={})

    assert answer.status == 412
    expected = {"code": "precondition_failed", "message": stale.message, "place": "traffic", "hint": "look"}
    assert {key: answer.json["error"][key] for key in expected} == expected


async def test_what_envoy_refuses_is_a_422(doors: Doors, control: FakeControl) -> None:
    control.traffic.failures["change"] = RefusedPolicyError("Envoy refuses it", place="traffic.steamer.rules[0]")

    answer = await doors.ask("POST", "/api/traffic/changes", json=CHANGE)

    assert (answer.status, answer.code) == (422, "policy_refused")


async def test_a_tag_that_is_none_of_ours(doors: Doors) -> None:
    answer = await doors.ask("POST", "/api/traffic/changes", {"If-Match": 'W/"x"'}, json=CHANGE)

    assert (answer.status, answer.code) == (400, "bad_usage")


async def test_a_conflict_is_a_409(doors: Doors, control: FakeControl) -> None:
    control.traffic.failures["change"] = ConflictError("steamer is being tried already", place="traffic", hint="end it")

    answer = await doors.ask("POST", "/api/traffic/changes", json=CHANGE)

    assert (answer.status, answer.code) == (409, "conflict")


async def test_no_page_in_a_browser_writes_the_file(doors: Doors) -> None:
    assert (await doors.ask("POST", "/api/traffic/save", json={})).status == 404
    assert (await doors.locally("POST", "/api/traffic/save", json={})).json["services"] == ["steamer"]
