"""What every runtime driver keeps (`sandbox.runtime.base.Driver`)."""

from __future__ import annotations

import asyncio
import io
import signal
import tarfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Driver, Exit, Usage
from sandbox.runtime.launch import launch
from tests.contracts import stages
from tests.contracts.stages import DockerStage, FakeStage, ProcessStage, Stage
from tests.docker_engine import RealEngine
from tests.runtime.home import project_paths

ORDERS = "orders-v1-1"


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    match request.param:
        case "fake":
            yield FakeStage()
        case "process":
            with project_paths() as paths:
                launch(paths)
                yield ProcessStage(paths, tmp_path)
        case _:
            engine: RealEngine = request.getfixturevalue("engine")
            with project_paths() as paths:
                stage = DockerStage(paths, engine.image("run"), "host")
                yield stage
                await stage.clear()
                assert engine.leftovers(paths.id) == []


@pytest.fixture
async def driver(stage: Stage) -> AsyncIterator[Driver]:
    async with opened(stage) as driver:
        yield driver


@asynccontextmanager
async def opened(stage: Stage) -> AsyncIterator[Driver]:
    driver = await stage.open()
    yield driver
    await driver.close()


async def next_exit(driver: Driver) -> Exit:
    async with asyncio.timeout(10):
        async for exit in driver.exits():
            return exit
    raise AssertionError("no exit came")


async def no_exit(driver: Driver) -> bool:
    """A short silence is all that can be heard of an exit that does not come."""
    waiting = asyncio.ensure_future(anext(aiter(driver.exits())))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return not done


async def test_what_is_started_runs(stage: Stage, driver: Driver) -> None:
    before = time.time()
    running = await driver.start(stage.play(stages.SLEEPS, ORDERS))
    assert running.id == ORDERS
    assert IPv4Address(running.host) in stage.host_range
    assert before - 1 <= running.started_at <= time.time()
    assert await driver.running() == (running,)


async def test_what_is_stopped_is_gone_and_told(stage: Stage, driver: Driver) -> None:
    running = await driver.start(stage.play(stages.SLEEPS, ORDERS))
    await driver.stop(ORDERS, grace=5)
    assert await driver.running() == ()
    exit = await next_exit(driver)
    assert (exit.id, exit.pid, exit.code, exit.signal) == (ORDERS, running.pid, None, signal.SIGTERM)
    assert exit.describe() == "killed by signal 15 (SIGTERM)"


async def test_sigkill_follows_the_grace(stage: Stage, driver: Driver) -> None:
    await driver.start(stage.play(stages.IGNORES_SIGTERM, ORDERS))
    await stage.until_ready(driver, ORDERS)
    await driver.stop(ORDERS, grace=0.2)
    assert await driver.running() == ()
    assert (await next_exit(driver)).signal == signal.SIGKILL


async def test_an_exit_code_is_told(stage: Stage, driver: Driver) -> None:
    await driver.start(stage.play(stages.EXITS_3, ORDERS))
    exit = await next_exit(driver)
    assert (exit.code, exit.signal) == (3, None)
    assert exit.describe() == "exit code 3"
    assert await driver.running() == ()


async def test_exits_come_once_and_in_order(stage: Stage, driver: Driver) -> None:
    for number in (1, 2, 3):
        await driver.start(stage.play(stages.EXITS_3, f"orders-v1-{number}"))
        assert (await next_exit(driver)).id == f"orders-v1-{number}"
    assert await no_exit(driver)


async def test_stopping_the_unknown_is_no_error(driver: Driver) -> None:
    await driver.stop("nobody", grace=1)


async def test_stopping_twice_at_once_is_one_end(stage: Stage, driver: Driver) -> None:
    await driver.start(stage.play(stages.SLEEPS, ORDERS))
    await asyncio.gather(driver.stop(ORDERS, grace=5), driver.stop(ORDERS, grace=5))
    await next_exit(driver)
    assert await no_exit(driver)


async def test_an_id_can_be_started_again_once_it_ended(stage: Stage, driver: Driver) -> None:
    first = await driver.start(stage.play(stages.SLEEPS, ORDERS))
    with pytest.raises(RuntimeFailure, match="already running"):
        await driver.start(stage.play(stages.SLEEPS, ORDERS))
    await driver.stop(ORDERS, grace=5)
    second = await driver.start(stage.play(stages.SLEEPS, ORDERS))
    assert second.pid != first.pid


async def test_a_failed_start_has_a_reason_and_a_next_step(stage: Stage, driver: Driver) -> None:
    with pytest.raises(RuntimeFailure, match=r"(?i)no such file") as failure:
        await driver.start(stage.play(stages.CANNOT_START, ORDERS))
    assert failure.value.place == ORDERS
    assert failure.value.hint
    assert await driver.running() == ()


async def test_instances_outlive_the_driver_and_are_found_again(stage: Stage) -> None:
    async with opened(stage) as first:
        running = await first.start(stage.play(stages.SLEEPS, ORDERS))
    async with opened(stage) as second:
        assert await second.running() == (running,)
        assert second.exec_spec(ORDERS, ["env"]).argv
        await second.stop(ORDERS, grace=5)
        assert await second.running() == ()


async def test_what_ended_while_nobody_listened_is_told_to_the_next(stage: Stage) -> None:
    async with opened(stage) as first:
        await first.start(stage.play(stages.SLEEPS, ORDERS))
        await first.stop(ORDERS, grace=5)
    async with opened(stage) as second:
        assert (await next_exit(second)).id == ORDERS


async def test_a_command_runs_inside(stage: Stage, driver: Driver) -> None:
    await driver.start(stage.play(stages.SLEEPS, ORDERS))
    assert await driver.run(ORDERS, stages.SAYS_HELLO, timeout=5) == (4, "hello\n")


async def test_a_command_that_hangs_times_out(stage: Stage, driver: Driver) -> None:
    await driver.start(stage.play(stages.SLEEPS, ORDERS))
    with pytest.raises(TimeoutError):
        await driver.run(ORDERS, stages.HANGS, timeout=0.1)


async def test_a_command_that_can_not_start_says_why(stage: Stage, driver: Driver) -> None:
    await driver.start(stage.play(stages.SLEEPS, ORDERS))
    with pytest.raises(RuntimeFailure, match=r"(?i)no such file"):
        await driver.run(ORDERS, stages.MISSING, timeout=5)


async def test_a_command_needs_a_running_instance(driver: Driver) -> None:
    with pytest.raises(RuntimeFailure, match="not running"):
        await driver.run("nobody", stages.SAYS_HELLO, timeout=5)


async def uses(driver: Driver, memory: int) -> Usage:
    async with asyncio.timeout(10):
        while (found := (await driver.usage())[0]).memory < memory:
            await asyncio.sleep(0.01)
    return found


async def test_what_runs_is_measured(stage: Stage, driver: Driver) -> None:
    assert await driver.usage() == ()
    await driver.start(stage.play(stages.SLEEPS, ORDERS))

    (before,) = await driver.usage()
    after = await uses(driver, 64 * 1024)  # what was started has next to no memory before it has become the program

    assert (before.id, after.id) == (ORDERS, ORDERS)
    assert 0 <= before.cpu_seconds <= after.cpu_seconds
    assert after.open_files is None or after.open_files >= 2

    await driver.stop(ORDERS, grace=1)
    assert await driver.usage() == ()


async def test_a_client_learns_how_to_run_a_command_itself(stage: Stage, driver: Driver) -> None:
    await driver.start(stage.play(stages.SLEEPS, ORDERS))
    assert "GREETING=good morning\n" in await stage.said_by(driver.exec_spec(ORDERS, ["env"]))
    with pytest.raises(KeyError):
        driver.exec_spec("nobody", ["env"])


async def test_saved_files_are_brought_to_instances_and_to_nothing_else(
    stage: Stage, driver: Driver, tmp_path: Path
) -> None:
    await driver.start(stage.play(stages.SLEEPS, ORDERS))
    here, there = tmp_path / "here", tmp_path / "there"
    here.touch()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(str(there).lstrip("/")))
    await driver.copy(ORDERS, packed.getvalue(), [str(here)])
    assert [path.exists() for path in (here, there)] == [True, False]
