"""Background tasks that do not die silently."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.tasks import Tasks


async def test_a_failure_is_reported_by_name(caplog: pytest.LogCaptureFixture) -> None:
    failed: asyncio.Future[tuple[str, BaseException]] = asyncio.get_running_loop().create_future()
    tasks = Tasks(lambda name, error: failed.set_result((name, error)))

    async def fail() -> None:
        raise ValueError("oops")

    tasks.spawn(fail(), name="bake")
    name, error = await asyncio.wait_for(failed, 1)
    assert (name, str(error)) == ("bake", "oops")
    assert "task bake failed" in caplog.text


async def test_closing_cancels_what_runs_and_waits_for_it() -> None:
    tasks, ended = Tasks(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = tasks.spawn(work(), name="work")
    await asyncio.sleep(0)
    await tasks.close()
    assert ended.is_set()
    assert task.cancelled()
