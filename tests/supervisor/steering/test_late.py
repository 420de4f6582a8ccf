"""A policy that came in force while Envoy was away, and that Envoy refuses when it is back."""

from __future__ import annotations

from pathlib import Path

from sandbox.control import EditAction, Origin
from sandbox.errors import RefusedPolicyError
from tests.supervisor.steering.stage import RETRIES, Stage, street

REFUSAL = RefusedPolicyError("Envoy refuses it: bad", place="traffic.steamer.rules[0]")


async def refusal() -> RefusedPolicyError | None:
    return REFUSAL


async def no_refusal() -> RefusedPolicyError | None:
    return None


async def test_it_gives_way_to_what_was_in_force_before(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")

    await stage.steering.refused(refusal)

    assert stage.documents == {"pantry": RETRIES}
    newest, *_ = await stage.steering.history()
    assert (newest.number, newest.origin, newest.services) == (3, Origin.CLI, ("steamer",))
    assert newest.why == "revision 2 is refused: traffic.steamer.rules[0]: Envoy refuses it: bad"


async def test_what_was_taken_back_meanwhile_is_left_alone(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")

    await stage.steering.refused(no_refusal)

    assert (await stage.steering.state()).revision == 2


async def test_the_first_revision_goes_on_without_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, street(pantry=RETRIES, steamer={"concurrency": 3}))
    await stage.read()

    await stage.steering.refused(refusal)

    assert stage.documents == {"pantry": RETRIES}
    assert (await stage.steering.state()).drift == ("steamer",)
    await stage.dies()


async def test_where_the_way_back_is_refused_too_it_is_tried_once(stage: Stage) -> None:
    await stage.change("steamer", EditAction.ROUTE, version="v2")
    stage.refuses = lambda policies: True

    for _ in range(2):
        await stage.steering.refused(refusal)

    assert (await stage.steering.state()).revision == 2
    assert sum("there is no way back" in said for said in stage.happened()) == 1
