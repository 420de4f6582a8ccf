from __future__ import annotations

import asyncio

from sandbox.reload.inbox import Inbox


async def test_hints_wait_once_each() -> None:
    inbox = Inbox()
    inbox.put({"a", "b"})
    inbox.put({"b"})
    await inbox.wait(None)
    assert inbox.take() == ({"a", "b"}, False)
    assert inbox.take() == (set(), False)


async def test_what_does_not_fit_is_counted_and_everything_is_looked_at() -> None:
    inbox = Inbox(limit=3)
    inbox.put({"a", "b"})
    inbox.put({"c", "d"})
    assert inbox.take() == ({"a", "b"}, True)
    assert inbox.dropped == 2
    inbox.put({"c"})
    assert inbox.take() == ({"c"}, False)


async def test_waiting_ends_by_the_clock_too() -> None:
    async with asyncio.timeout(5):
        await Inbox().wait(0.001)
