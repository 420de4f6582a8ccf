from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.control import Status
from sandbox.errors import NotRunningError, UsageError
from sandbox.tui.orders import Orders
from tests.fakes import data
from tests.fakes.control import FakeControl

STORE, ORDERS, STEAMER = data.services()


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


async def test_restart(control: FakeControl) -> None:
    assert await Orders(control).restart(ORDERS) == "restarting orders"
    assert control.calls == [("restart", ("orders",))]


async def test_one_key_stops_and_starts(control: FakeControl) -> None:
    orders = Orders(control)

    assert await orders.stop_or_start(ORDERS) == "stopping orders; press s again to start it"
    assert await orders.stop_or_start(replace(ORDERS, status=Status.STOPPED)) == "starting orders"
    assert control.calls == [("stop", ("orders",)), ("start", ("orders",))]


async def test_presses_in_a_row_add_up_until_a_newer_status_is_heard(control: FakeControl) -> None:
    orders = Orders(control)

    assert await orders.scale(ORDERS, None, 1) == "scaling orders to 2"
    assert await orders.scale(ORDERS, None, 1) == "scaling orders to 3"
    orders.heard()
    assert await orders.scale(ORDERS, None, -1) == "scaling orders to 0"


async def test_of_several_versions_one_must_be_chosen(control: FakeControl) -> None:
    orders = Orders(control)

    with pytest.raises(UsageError, match="several versions"):
        await orders.scale(STEAMER, None, 1)
    assert await orders.scale(STEAMER, "v2", 1) == "scaling steamer@v2 to 2"
    assert control.calls == [("scale", "steamer", 2, "v2")]


async def test_there_is_nothing_below_zero(control: FakeControl) -> None:
    with pytest.raises(UsageError, match="no replicas to take away"):
        await Orders(control).scale(replace(ORDERS, replicas=0), None, -1)
    assert control.calls == []


async def test_what_the_supervisor_says_no_to_is_raised(control: FakeControl) -> None:
    control.failures["restart"] = NotRunningError("is not running")

    with pytest.raises(NotRunningError):
        await Orders(control).restart(ORDERS)


async def test_where_nobody_is_public_nothing_is_sent(control: FakeControl) -> None:
    control.load.now = replace(control.load.now, targets=())

    with pytest.raises(UsageError, match="no service is public"):
        await Orders(control).send_or_not()
    assert control.load.wishes == []
