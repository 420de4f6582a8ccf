from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from sandbox.control import LogLine
from sandbox.errors import NotRunningError
from sandbox.tui.logstream import TAIL, Choice, LogStream
from sandbox.tui.logview import MOST_LINES
from tests.fakes import data
from tests.fakes.control import FakeControl


class Reader:
    """What the pane would be told."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun = 0
        self._more = asyncio.Event()

    def begin(self) -> None:
        self.begun += 1

    def show(self, lines: Sequence[LogLine]) -> None:
        self.batches.append([line.text for line in lines])
        self._more.set()

    async def batch(self) -> list[str]:
        async with asyncio.timeout(5):
            while not self.batches:
                self._more.clear()
                await self._more.wait()
        return self.batches.pop(0)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest.fixture
async def stream(control: FakeControl, reader: Reader) -> AsyncIterator[LogStream]:
    found = LogStream(control, begin=reader.begin, show=reader.show)
    yield found
    await found.close()


async def test_the_newest_kept_lines_come_together_then_what_is_new(
    stream: LogStream, control: FakeControl, reader: Reader
) -> None:
    for number in range(TAIL + 100):
        control.write(data.log_line("orders", str(number)))
    stream.choose(Choice(("orders",)))

    assert await reader.batch() == [str(number) for number in range(100, TAIL + 100)]
    control.write(data.log_line("orders", "new"))
    control.write(data.log_line("steamer", "of another"))
    assert await reader.batch() == ["new"]
    assert reader.begun == 1


async def test_an_instance_alone(stream: LogStream, control: FakeControl, reader: Reader) -> None:
    control.write(LogLine(at=data.NOW, service="steamer", instance="steamer-v1-1", text="one"))
    control.write(LogLine(at=data.NOW, service="steamer", instance="steamer-v2-1", text="two"))
    stream.choose(Choice(("steamer",), "steamer-v2-1"))

    assert await reader.batch() == ["two"]


async def test_a_hasty_choice_is_not_asked_for(stream: LogStream, control: FakeControl, reader: Reader) -> None:
    control.write(data.log_line("orders", "hasty"))
    control.write(data.log_line("storefront", "lasting"))
    stream.choose(Choice(("orders",)))
    stream.choose(Choice(("storefront",)))

    assert await reader.batch() == ["lasting"]
    assert control.following == 1


async def test_of_a_flood_the_newest_lines_are_shown(stream: LogStream, control: FakeControl, reader: Reader) -> None:
    control.write(data.log_line("orders", "first"))
    stream.choose(Choice(("orders",)))
    await reader.batch()
    for number in range(3 * MOST_LINES):
        control.write(data.log_line("orders", str(number)))

    shown: list[str] = []
    while not shown or shown[-1] != str(3 * MOST_LINES - 1):
        batch = await reader.batch()
        assert len(batch) <= MOST_LINES
        shown += batch


async def test_after_an_absence_it_begins_anew(stream: LogStream, control: FakeControl, reader: Reader) -> None:
    control.write(data.log_line("orders", "kept"))
    control.failures["logs"] = NotRunningError("is not running")
    stream.choose(Choice(("orders",)))
    await asyncio.sleep(0)
    del control.failures["logs"]

    assert await reader.batch() == ["kept"]
