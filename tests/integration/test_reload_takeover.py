"""A supervisor is killed in the middle of a reload: the next one goes on with it, and nobody notices."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest

from tests.integration.harness import eventually, supervisor_pid
from tests.integration.load import Load, code, load
from tests.integration.saved import Saved, until

SLOWLY = "__import__('time').sleep(3)\n"


@pytest.fixture
async def traffic(saved: Saved) -> AsyncIterator[Load]:
    """Whatever happens, nothing of it fails, and in the end one instance of the newest code runs; `down` finds all."""
    async with load(saved.up(reload={"drain": "60s"})) as traffic:
        await traffic.served(0)
        yield traffic
    assert traffic.failures == []
    assert traffic.executed(saved.logs) == dict.fromkeys(traffic.posted, 1)
    eventually(lambda: saved.statuses == ["healthy"])
    saved.sandbox.down(saved.folder)
    assert saved.sandbox.left_running() == []
    assert saved.sandbox.left_on_disk() == []


async def dies(saved: Saved) -> None:
    os.kill(supervisor_pid(saved.sandbox), signal.SIGKILL)


async def test_while_the_new_one_starts(saved: Saved, traffic: Load) -> None:
    saved.app.write_text(SLOWLY + code(1))
    await until(lambda: sorted(saved.statuses) == ["healthy", "starting"])
    await dies(saved)
    await traffic.served(1)


async def test_while_the_old_one_finishes_what_it_was_asked(saved: Saved, traffic: Load) -> None:
    saved.save(1)
    await traffic.served(1)
    await dies(saved)
    await until(lambda: sorted(saved.statuses) == ["healthy", "stopping"])
    before = traffic.echoes
    await until(lambda: traffic.echoes > before)
    assert traffic.cuts == 0


async def test_while_a_save_is_made(saved: Saved, traffic: Load) -> None:
    await dies(saved)
    saved.save(1)
    await traffic.served(1)
