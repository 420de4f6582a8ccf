"""Saves while people use the service: nobody notices, whatever is saved."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.harness import eventually
from tests.integration.load import load
from tests.integration.saved import Saved, until

RELOADS = 10


async def test_no_request_fails_and_none_is_done_twice(saved: Saved) -> None:
    gateway = saved.up()
    async with load(gateway) as traffic:
        await traffic.served(0)
        for number in range(1, RELOADS + 1):
            saved.save(number)
            await traffic.served(number)

    assert traffic.failures == []
    assert set(traffic.codes) == set(range(RELOADS + 1))
    assert traffic.slow > 0
    assert traffic.echoes > 0
    assert traffic.executed(saved.logs) == dict.fromkeys(traffic.posted, 1)
    eventually(lambda: saved.statuses == ["healthy"])


async def test_replicas_roll_one_by_one(saved: Saved) -> None:
    gateway = saved.up(deploy={"replicas": 3})
    async with load(gateway) as traffic:
        await traffic.served(0)
        saved.save(1)
        fewest = 3

        async def all_new() -> bool:
            nonlocal fewest
            fewest = min(fewest, (await asyncio.to_thread(saved.ps))["services"][0]["ready"])
            old, before = traffic.codes[0], traffic.codes[1]
            await asyncio.sleep(0.3)
            return traffic.codes[0] == old and traffic.codes[1] > before

        async with asyncio.timeout(60):
            while not await all_new():
                pass
    assert fewest == 3
    assert traffic.failures == []


@pytest.mark.parametrize("broken", ["def unfinished(:\n", "raise KeyError('salt')\n", "import time; time.sleep(600)\n"])
async def test_broken_code_disturbs_nobody(saved: Saved, broken: str) -> None:
    gateway = saved.up()
    async with load(gateway) as traffic:
        await traffic.served(0)
        saved.app.write_text(broken)
        await until(lambda: len(saved.instances) == 2 or saved.ps()["services"][0]["reason"])
        answered = traffic.codes[0]
        saved.save(1)  # whatever became of the other one
        await traffic.served(1)
        assert traffic.codes[0] >= answered
    assert traffic.failures == []
    eventually(lambda: saved.statuses == ["healthy"])
    assert saved.ps()["services"][0]["reason"] is None


async def test_a_save_during_a_rollout_supersedes_it(saved: Saved) -> None:
    gateway = saved.up()
    async with load(gateway) as traffic:
        await traffic.served(0)
        slow = "import time; time.sleep(600)\n"
        saved.app.write_text(slow)
        await until(lambda: len(saved.instances) == 2)
        saved.save(2)
        await traffic.served(2)
    assert traffic.failures == []
    assert set(traffic.codes) == {0, 2}
    eventually(lambda: saved.statuses == ["healthy"])
