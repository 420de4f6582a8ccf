"""Saves while people use the service: nobody notices, whatever is saved and whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker_engine import RealEngine
from tests.integration.harness import Sandbox, eventually, free_port, instances, supervisor_pid
from tests.integration.load import code, load

RELOADS = 20


class Saved:
    """A project of one service that is saved again and again."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.folder = sandbox.home / "saved"
        self.app = self.folder / "web" / "app.py"
        self.app.parent.mkdir(parents=True)
        self.save(0)

    def save(self, number: int) -> None:
        self.app.write_text(code(number))

    def up(self, **keys: Any) -> str:
        """The gateway."""
        web = {"build": "./web", "ports": ["8000"], "public": True, "healthcheck": {"interval": "200ms"}, **keys}
        ports = {"gateway": {"port": free_port()}, "ui": {"port": free_port()}}
        document = {"name": "saved", **ports, "telemetry": {"otlp": {"port": free_port()}}, "services": {"web": web}}
        (self.folder / "sandbox.yaml").write_text(yaml.safe_dump(document))
        self.sandbox.up(self.folder)
        return str(self.ps()["gateway"])

    def ps(self) -> dict[str, Any]:
        return self.sandbox.ps(self.folder)

    @property
    def instances(self) -> list[dict[str, Any]]:
        return instances(self.ps(), "web")

    @property
    def logs(self) -> Path:
        (project,) = (self.sandbox.state / "projects").iterdir()
        return project / "logs"


async def until(look: Callable[[], object]) -> None:
    """While the load goes on."""
    await asyncio.to_thread(eventually, look)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def saved(request: pytest.FixtureRequest, sandbox: Sandbox) -> Saved:
    if request.param == "docker":
        engine: RealEngine = request.getfixturevalue("engine")
        sandbox.environment |= {"SANDBOX_RUNTIME": "docker", **engine.variables}
    return Saved(sandbox)


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
    eventually(lambda: [one["status"] for one in saved.instances] == ["healthy"])


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
    eventually(lambda: [one["status"] for one in saved.instances] == ["healthy"])
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
    eventually(lambda: [one["status"] for one in saved.instances] == ["healthy"])


async def test_a_supervisor_killed_in_the_middle_of_it_changes_nothing(saved: Saved) -> None:
    gateway = saved.up()
    async with load(gateway) as traffic:
        await traffic.served(0)
        supervisor = await asyncio.to_thread(supervisor_pid, saved.sandbox)
        saved.save(1)
        await until(lambda: len(saved.instances) > 1 or traffic.codes[1])
        os.kill(supervisor, signal.SIGKILL)
        await traffic.served(1, 60)
    assert traffic.failures == []
    assert traffic.executed(saved.logs) == dict.fromkeys(traffic.posted, 1)
    eventually(lambda: [one["status"] for one in saved.instances] == ["healthy"])
