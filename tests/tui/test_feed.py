from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from textual.message import Message

from sandbox.errors import NotRunningError, SandboxError
from sandbox.events import Event, Kind
from sandbox.tui.feed import Feed
from sandbox.tui.messages import EventsArrived, StatusArrived, SupervisorAway, TelemetryArrived
from tests.fakes import data
from tests.fakes.control import FakeControl


class Listened(FakeControl):
    """Remembers from where on events were asked for."""

    def __init__(self) -> None:
        super().__init__(events=data.events())
        self.asked_after: list[int] = []

    async def events(self, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        self.asked_after.append(after)
        async for event in super().events(after=after, follow=follow):
            yield event


class Heard:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._more = asyncio.Event()

    def __call__(self, message: Message) -> None:
        self.messages.append(message)
        self._more.set()

    async def until(self, kind: type[Message], count: int = 1) -> list[Message]:
        async with asyncio.timeout(5):
            while len(found := [one for one in self.messages if isinstance(one, kind)]) < count:
                self._more.clear()
                await self._more.wait()
        return found


@pytest.fixture
def control() -> Listened:
    return Listened()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def feed(control: Listened, heard: Heard) -> AsyncIterator[Feed]:
    found = Feed(control, heard)
    found.open()
    yield found
    await found.close()


async def test_it_tells_state_numbers_and_what_happened_so_far_at_once(feed: Feed, heard: Heard) -> None:
    await heard.until(StatusArrived)
    await heard.until(TelemetryArrived)
    (first, *_) = await heard.until(EventsArrived)

    assert isinstance(first, EventsArrived)
    assert [event.message for event in first.events] == [event.message for event in data.events()]


async def test_an_event_makes_it_ask_for_the_status(feed: Feed, control: Listened, heard: Heard) -> None:
    await heard.until(EventsArrived)
    before = len(await heard.until(StatusArrived, 2))
    control.publish(Event(kind=Kind.NOTICE, message="news"))

    await heard.until(StatusArrived, before + 1)


async def test_a_new_supervisor_is_listened_to_from_where_the_old_one_ended(
    feed: Feed, control: Listened, heard: Heard
) -> None:
    await heard.until(EventsArrived)
    control.statuses[0] = replace(control.statuses[0], supervisor_pid=5000)
    feed.hurry()
    async with asyncio.timeout(5):
        while len(control.asked_after) < 2:
            await asyncio.sleep(0.01)

    assert control.asked_after == [0, len(data.events())]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotRunningError("is not running", hint="run: sandbox up"), "the supervisor is away; trying again"),
        (SandboxError("is of another version", hint="run: sandbox down"), "is of another version; run: sandbox down"),
    ],
)
async def test_it_says_why_nothing_comes_and_goes_on_asking(
    feed: Feed, control: Listened, heard: Heard, error: SandboxError, reason: str
) -> None:
    control.failures["status"] = error
    (away,) = await heard.until(SupervisorAway)
    assert isinstance(away, SupervisorAway)
    assert away.reason == reason

    del control.failures["status"]
    await heard.until(StatusArrived)


async def test_a_failure_of_ours_is_not_silent(feed: Feed, control: Listened, heard: Heard) -> None:
    control.failures["telemetry"] = ZeroDivisionError("division by zero")
    (away,) = await heard.until(SupervisorAway)

    assert isinstance(away, SupervisorAway)
    assert away.reason == "internal error in 'ask for the numbers': division by zero"
