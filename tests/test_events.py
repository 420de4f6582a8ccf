"""The bus."""

from __future__ import annotations

import asyncio

from sandbox.events import Bus, Event, Kind


def notice(text: str) -> Event:
    return Event(kind=Kind.NOTICE, message=text)


async def test_everybody_hears_everything_in_order() -> None:
    bus = Bus()
    with bus.subscribe() as one, bus.subscribe() as other:
        for text in ("a", "b"):
            bus.publish(notice(text))
        for subscription in (one, other):
            events = aiter(subscription)
            heard = [await anext(events), await anext(events)]
            assert [(event.message, event.sequence) for event in heard] == [("a", 1), ("b", 2)]


async def test_a_reader_that_waits_is_woken() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        waiting = asyncio.ensure_future(anext(aiter(subscription)))
        await asyncio.sleep(0)
        bus.publish(notice("now"))
        assert (await asyncio.wait_for(waiting, 1)).message == "now"


def test_a_slow_reader_loses_the_oldest_and_that_is_counted() -> None:
    bus = Bus()
    with bus.subscribe(limit=2) as subscription:
        for text in "abcde":
            bus.publish(notice(text))
        assert subscription.dropped == 3


def test_the_history_is_bounded_and_can_be_read_from_a_place() -> None:
    bus = Bus(history=3)
    for text in "abcde":
        bus.publish(notice(text))
    assert [event.message for event in bus.history()] == ["c", "d", "e"]
    assert [event.message for event in bus.history(after=4)] == ["e"]


def test_who_has_left_hears_nothing() -> None:
    bus = Bus()
    with bus.subscribe(limit=1) as subscription:
        pass
    bus.publish(notice("a"))
    bus.publish(notice("b"))
    assert subscription.dropped == 0
