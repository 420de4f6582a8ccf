"""Background tasks that do not die silently."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.tasks import Tasks, until_tick


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


@given(st.floats(0, 1e6), st.sampled_from([0.05, 0.25, 1.0, 5.0]))
def test_ticks_are_at_multiples_and_none_comes_at_once(now: float, seconds: float) -> None:
    pause = until_tick(now, seconds)
    assert seconds / 2 - 1e-6 <= pause <= seconds * 1.5 + 1e-6
    ticks = (now + pause) / seconds
    assert ticks == pytest.approx(round(ticks), abs=1e-4)
