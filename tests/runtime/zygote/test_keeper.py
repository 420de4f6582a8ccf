"""The process driver with services that start cold first, and warm from then on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from sandbox.model import Build, Healthcheck, NoProbe, Version
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Artifact, InstanceSpec, Workload
from sandbox.runtime.client import ShimClient, ShimRefusal
from sandbox.runtime.launch import launch
from sandbox.runtime.process import ProcessDriver
from sandbox.runtime.sweep import left_behind
from sandbox.runtime.zygote import keeper
from sandbox.runtime.zygote.keeper import Site, Zygotes
from sandbox.runtime.zygote.record import Record, load, save
from tests.runtime.home import alive, until
from tests.runtime.zygote.stage import Stage

APP = "import crumb.bits, os, time\nprint('up', os.environ['PORT'])\ntime.sleep(60)\n"

LATER = "import optional\ntime.sleep(60)\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LOOKS", (0.3, 0.3))
    monkeypatch.setattr(keeper, "LINGER", 0.1)


@pytest.fixture
async def driver(stage: Stage, paths: ProjectPaths) -> AsyncIterator[ProcessDriver]:
    opened = ProcessDriver(paths)
    await opened.open()
    yield opened
    await opened.close()


def spec(
    stage: Stage, id: str, argv: tuple[str, ...] = ("python", "app.py", "$PORT"), *, warm: bool = True
) -> InstanceSpec:
    version = Version(name="v1", build=Build(context=stage.folder), healthcheck=Healthcheck(probe=NoProbe()))
    return InstanceSpec(
        id=id,
        index=1,
        workload=Workload(service="orders", version=version, ports=(), warm=warm),
        artifact=Artifact(
            fingerprint="f00d", argv=argv, cwd=stage.folder, environment={"VIRTUAL_ENV": str(stage.environment)}
        ),
        environment={**stage.env, "PORT": f"2000{id[-1]}", "HOST": "127.0.0.1"},
        log_max_bytes=1 << 20,
    )


async def zygotes(stage: Stage, count: int) -> list[int]:
    """Their pids, once there are so many and all of them wait."""
    async with asyncio.timeout(15):
        while True:
            pids = [kept.pid or 0 for kept in await stage.shim.list() if kept.role == "zygote"]
            if len(pids) == count and all(Path(f"/proc/{pid}/comm").read_text() == "sandbox-zygote\n" for pid in pids):
                return pids
            await asyncio.sleep(0.02)


async def warm_start(driver: ProcessDriver, wanted: InstanceSpec) -> str:
    """Which start it was, tried until the zygote is known to be ready."""
    running = await driver.start(wanted)
    await driver.stop(wanted.id, 0)
    return running.start


async def until_warm(driver: ProcessDriver, wanted: InstanceSpec) -> None:
    async with asyncio.timeout(15):
        while await warm_start(driver, wanted) != "warm":
            await asyncio.sleep(0.7)


async def test_the_first_start_is_cold_and_the_next_is_warm(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    assert (await driver.start(spec(stage, "orders-1"))).start == "cold"
    await zygotes(stage, 1)
    await until_warm(driver, spec(stage, "orders-2"))
    running = await driver.start(spec(stage, "orders-3"))
    await stage.prints("orders-3", "up 20003")
    assert running.start == "warm"
    assert {found.id: found.start for found in await driver.running()} == {"orders-1": "cold", "orders-3": "warm"}
    seen = load(stage.environment / "warm-f00d.txt").modules
    assert {"crumb", "crumb.bits", "threading"} <= seen
    assert "app" not in seen


async def test_a_service_that_still_imports_is_looked_at_again_soon(
    driver: ProcessDriver, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOKS", (0.5, 60.0))
    stage.write("app.py", f"import crumb, os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n{LATER}")
    await driver.start(spec(stage, "orders-1"))
    record = stage.environment / "warm-f00d.txt"
    await until(lambda: "crumb" in load(record).modules)
    stage.write("go", "")
    await until(lambda: "optional" in load(record).modules)


async def test_what_can_not_be_shared_is_left_out_step_by_step(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", "import crumb, threads, files, time\ntime.sleep(60)\n")
    await driver.start(spec(stage, "orders-1"))
    await until_warm(driver, spec(stage, "orders-2"))
    assert load(stage.environment / "warm-f00d.txt").left_out == {
        "threads": "it starts a thread",
        "files": "it leaves a file or socket open",
    }


async def test_changed_dependencies_are_a_cold_start_and_another_zygote(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    await driver.start(spec(stage, "orders-1"))
    before = await zygotes(stage, 1)
    await until_warm(driver, spec(stage, "orders-2"))
    (stage.site / "added.py").touch()
    assert (await driver.start(spec(stage, "orders-3"))).start == "cold"
    await until_warm(driver, spec(stage, "orders-4"))
    assert await zygotes(stage, 1) != before


async def test_without_instances_it_is_retired(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    await driver.start(spec(stage, "orders-1"))
    (pid,) = await zygotes(stage, 1)
    await driver.stop("orders-1", 0)
    await zygotes(stage, 0)
    assert not alive(pid)


@pytest.mark.parametrize("argv", [("sh", "-c", "python app.py"), ("python", "-E", "app.py")])
async def test_other_programs_are_not_prepared(driver: ProcessDriver, stage: Stage, argv: tuple[str, ...]) -> None:
    stage.write("app.py", APP)
    await driver.start(spec(stage, "orders-1", argv))
    assert driver._zygotes._sites == {}


async def test_it_can_be_turned_off(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    await driver.start(spec(stage, "orders-1", warm=False))
    assert driver._zygotes._sites == {}


async def test_a_killed_zygote_is_a_cold_start_and_then_another(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    await driver.start(spec(stage, "orders-1"))
    (pid,) = await zygotes(stage, 1)
    await until_warm(driver, spec(stage, "orders-2"))
    os.kill(pid, 9)
    await zygotes(stage, 0)
    assert (await driver.start(spec(stage, "orders-3"))).start == "cold"
    await until_warm(driver, spec(stage, "orders-4"))


async def test_another_driver_ends_what_it_does_not_know(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    await driver.start(spec(stage, "orders-1"))
    await zygotes(stage, 1)
    await driver.close()
    successor = ProcessDriver(stage.paths)
    await successor.open()
    await zygotes(stage, 0)
    assert [running.id for running in await successor.running()] == ["orders-1"]
    await successor.close()


async def test_nothing_is_left_by_an_end_or_a_killed_shim(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    await driver.start(spec(stage, "orders-1"))
    await zygotes(stage, 1)
    await until_warm(driver, spec(stage, "orders-2"))
    await driver.start(spec(stage, "orders-3"))
    token = token_of(stage)
    assert len(left_behind(token)) == 3
    os.kill(await stage.shim.ping(), 9)
    await stage.shim.lost()
    launch(stage.paths)
    assert left_behind(token) == []
    again = await ShimClient.connect(stage.paths.shim_socket)
    await again.shut_down(5)
    await again.close()


def token_of(stage: Stage) -> str:
    import json

    return str(json.loads((stage.paths.state / "shim.mark").read_text())["token"])


async def test_a_service_given_up_is_left_alone(driver: ProcessDriver, stage: Stage) -> None:
    stage.write("app.py", APP)
    save(stage.environment / "warm-f00d.txt", Record().without("*", "the interpreter starts with threads"))
    await driver.start(spec(stage, "orders-1"))
    await asyncio.sleep(0.5)
    assert await zygotes(stage, 0) == []


async def test_a_start_that_met_the_end_of_the_old_one_leaves_the_new_one_alone(stage: Stage) -> None:
    zygotes, wanted, stopped = Zygotes(), spec(stage, "orders-1"), list[str]()

    class Shim:
        async def fork(self, zygote: str, *rest: object, **more: object) -> None:
            zygotes._sites["f00d"].zygote = "new"  # it is renewed just now
            raise ShimRefusal("not_warm", f"{zygote} ended")

        async def stop(self, id: str, grace: float) -> None:
            stopped.append(id)

    zygotes._client = cast(ShimClient, Shim())
    zygotes._sites["f00d"] = Site(zygote="old")
    assert await zygotes.fork(wanted, ["python", "app.py"], stage.folder / "log") is None
    await asyncio.sleep(0)
    assert (zygotes._sites["f00d"].zygote, zygotes._sites["f00d"].refusals, stopped) == ("new", 0, [])
