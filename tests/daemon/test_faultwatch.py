"""Faults that come and go with the policies."""

from __future__ import annotations

import asyncio

from sandbox.daemon.faultwatch import FaultWatch, changes
from sandbox.events import Bus, Event, Kind
from sandbox.model import Abort, Delay, Fault, Rule, TrafficPolicy
from sandbox.tasks import Tasks

NONE = TrafficPolicy(rules=(Rule(),))
BROKEN = TrafficPolicy(rules=(Rule(fault=Fault(abort=Abort(http_status=503, percentage=50))),))
SLOW = TrafficPolicy(rules=(Rule(fault=Fault(delay=Delay(fixed=2))),))


def told(before: dict[str, TrafficPolicy], after: dict[str, TrafficPolicy]) -> list[str]:
    return [event.message for event in changes(before, after)]


def test_what_is_told_of_a_change() -> None:
    assert told({}, {"pantry": BROKEN}) == ["a fault is injected into pantry: 50 % of the requests get 503"]
    assert told({"pantry": BROKEN}, {"pantry": SLOW}) == [
        "a fault is injected into pantry: all requests come 2 s later"
    ]
    assert told({"pantry": SLOW}, {"pantry": NONE}) == ["no fault is injected into pantry any more"]
    assert told({"pantry": SLOW}, {}) == ["no fault is injected into pantry any more"]
    assert told({"pantry": SLOW}, {"pantry": SLOW, "mill": NONE}) == []


async def test_it_is_told_when_a_policy_is_applied() -> None:
    bus, tasks, policies = Bus(), Tasks(), {"pantry": NONE}
    FaultWatch(bus, lambda: policies).open(tasks)
    with bus.subscribe() as heard:
        await asyncio.sleep(0)
        policies["pantry"] = BROKEN
        bus.publish(Event(kind=Kind.POLICY_APPLIED, message="revision 2"))
        events = aiter(heard)
        async with asyncio.timeout(5):
            assert [(await anext(events)).kind for _ in range(2)] == [Kind.POLICY_APPLIED, Kind.FAULT_INJECTED]
    await tasks.close()
