"""The life of containers beyond what every driver keeps (`tests/contracts`): ends by others' hands, races, supervisors
that follow each other."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Running
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage

SAYS_READY = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"


async def until_ready(theatre: Stage, instance: str = "web-v1-1") -> None:
    async with asyncio.timeout(20):
        while "ready" not in theatre.log(instance):
            await asyncio.sleep(0.02)


async def until_gone(theatre: Stage, *instances: str) -> None:
    """Until no container is left of them, whose exits were heard."""
    waiting = asyncio.ensure_future(anext(aiter(theatre.driver.exits())))
    async with asyncio.timeout(20):
        while theatre.containers() & set(instances):
            await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


# --- ends by others' hands ------------------------------------------------------------------------------------------


async def test_docker_stop_by_hand(theatre: Stage, engine: RealEngine) -> None:
    running = await theatre.shell(SAYS_READY)
    await until_ready(theatre)
    await asyncio.to_thread(engine.api.stop, running.container, timeout=10)
    assert (await theatre.exit()).describe() == "killed by signal 15 (SIGTERM)"
    assert theatre.log() == "ready\nbye\n"


async def test_docker_kill_by_hand(theatre: Stage, engine: RealEngine) -> None:
    running = await theatre.start()
    await asyncio.to_thread(engine.api.kill, running.container)
    exit = await theatre.exit()
    assert (exit.describe(), exit.pid) == ("killed by signal 9 (SIGKILL)", running.pid)
    assert exit.at >= running.started_at


async def test_docker_rm_by_hand(theatre: Stage, engine: RealEngine) -> None:
    running = await theatre.start()
    await asyncio.to_thread(engine.api.remove_container, running.container, force=True)
    exit = await theatre.exit()
    assert exit.describe() == "killed by signal 9 (SIGKILL)"
    assert exit.at >= running.started_at
    assert await theatre.driver.running() == ()
    assert (await theatre.start()).container != running.container


async def test_our_own_stop_of_a_polite_service_is_no_kill(theatre: Stage) -> None:
    await theatre.shell(SAYS_READY)
    await until_ready(theatre)
    await theatre.driver.stop("web-v1-1", grace=10)
    assert (await theatre.exit()).describe() == "exit code 0"


async def test_a_stop_signal_of_the_file(theatre: Stage) -> None:
    await theatre.shell(SAYS_READY.replace("TERM", "INT").replace("exit 0", "exit 5"), stop_signal="SIGINT")
    await until_ready(theatre)
    await theatre.driver.stop("web-v1-1", grace=10)
    assert (await theatre.exit()).describe() == "exit code 5"


async def test_a_signal_reaches_even_a_service_that_just_began(theatre: Stage) -> None:
    """With SIGTERM alone: the grace is longer than the test."""
    await theatre.shell("trap 'exit 0' TERM; while :; do sleep 0.05; done")
    async with asyncio.timeout(20):
        await theatre.driver.stop("web-v1-1", grace=60)
    assert (await theatre.exit()).describe() in ("exit code 0", "killed by signal 15 (SIGTERM)")


# --- what is left in the engine -------------------------------------------------------------------------------------


async def test_a_container_whose_end_was_heard_is_removed(either: Stage) -> None:
    await asyncio.gather(*(either.shell("exit 1", instance=f"web-v1-{number}") for number in (1, 2)))
    ended = {(await either.exit()).id, (await either.exit()).id}
    assert ended == {"web-v1-1", "web-v1-2"}
    await until_gone(either, *ended)
    assert either.containers() == set()


async def test_a_container_waits_for_somebody_to_hear_of_its_end(theatre: Stage) -> None:
    await theatre.shell("exit 7")
    async with asyncio.timeout(20):
        while await theatre.driver.running():
            await asyncio.sleep(0.02)
    await theatre.open()
    assert (await theatre.exit()).describe() == "exit code 7"


async def test_clear_leaves_nothing_whatever_is_under_way(either: Stage) -> None:
    starting = [asyncio.ensure_future(either.start(instance=f"web-v1-{number}")) for number in (1, 2, 3)]
    await asyncio.wait([*starting], return_when=asyncio.FIRST_COMPLETED)
    await either.driver.clear()
    await asyncio.gather(*starting, return_exceptions=True)
    assert either.engine.leftovers(either.id) == []


async def test_no_thread_and_no_socket_of_a_closed_driver_stays(theatre: Stage) -> None:
    await theatre.start()
    await theatre.close()
    for thread in threading.enumerate():
        if thread.name.startswith("docker"):
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()
    await theatre.open()  # that sockets were left open would be told by their warnings
    assert [running.id for running in await theatre.driver.running()] == ["web-v1-1"]


# --- races ----------------------------------------------------------------------------------------------------------


async def test_a_cancelled_start_leaves_nothing_that_runs(either: Stage) -> None:
    for delay in (0.0, 0.05, 0.15, 0.4):
        starting = asyncio.ensure_future(either.start())
        await asyncio.sleep(delay)
        starting.cancel()
        (outcome,) = await asyncio.gather(starting, return_exceptions=True)
        async with asyncio.timeout(30):
            while await either.driver.running() if isinstance(outcome, BaseException) else False:
                await asyncio.sleep(0.02)
        if isinstance(outcome, Running):
            await either.driver.stop(outcome.id, 0.0)
            await either.exit()
    async with asyncio.timeout(30):
        while True:
            try:
                running = await either.start()
                break
            except RuntimeFailure as error:  # the one before is on its way out
                assert "already running" in error.message
                await asyncio.sleep(0.02)
    assert running in await either.driver.running()


async def test_start_and_stop_of_many_at_once(either: Stage) -> None:
    names = [f"{service}-v1-{number}" for service in ("web", "stock") for number in (1, 2)]

    async def live_and_die(name: str) -> None:
        await either.start(instance=name)
        await either.driver.stop(name, grace=0.0)
        await either.start(instance=name)

    async def hear() -> list[str]:
        return [(await either.exit()).id for _ in names]

    hearing = asyncio.ensure_future(hear())
    await asyncio.gather(*(live_and_die(name) for name in names))
    assert sorted(await hearing) == sorted(names)
    assert {running.id for running in await either.driver.running()} == set(names)
    assert either.containers() == set(names)


async def test_an_instance_that_starts_again_at_once_is_not_taken_for_the_one_before(theatre: Stage) -> None:
    await theatre.start()
    exits = aiter(theatre.driver.exits())
    for _ in range(4):
        await theatre.driver.stop("web-v1-1", grace=0.0)
        again = await theatre.start()
        assert (await anext(exits)).signal == signal.SIGTERM
    assert await theatre.driver.running() == (again,)
    assert theatre.containers() == {"web-v1-1"}
    await exits.aclose()  # type: ignore[attr-defined]


async def test_two_drivers_of_one_project_hear_the_same_end(theatre: Stage) -> None:
    running = await theatre.start()
    first = theatre.driver
    second = await theatre.open()
    assert await second.running() == (running,)
    await second.stop("web-v1-1", grace=0.0)
    assert (await anext(aiter(first.exits()))).id == (await anext(aiter(second.exits()))).id == "web-v1-1"


# --- supervisors that follow each other -----------------------------------------------------------------------------


async def test_what_was_made_and_never_started_is_removed(theatre: Stage, engine: RealEngine) -> None:
    running = await theatre.start()
    labels = theatre.inspect(running)["Config"]["Labels"] | {"dev.sandbox.instance": "web-v1-2"}
    engine.api.create_container(engine.image("python"), ["true"], labels=labels)
    await theatre.open()
    assert theatre.containers() == {"web-v1-1"}


async def test_what_runs_is_taken_over_with_its_place_and_its_end(either: Stage) -> None:
    running = await either.start()
    await either.close()
    second = await either.open()
    assert await second.running() == (running,)
    await second.stop(running.id, grace=0.0)
    exit = await either.exit()
    assert (exit.id, exit.pid, exit.signal) == (running.id, running.pid, signal.SIGTERM)


async def test_what_starts_while_the_engine_is_looked_at_again_has_not_ended(
    theatre: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await theatre.start(instance="web-v1-1")
    ask, late = theatre.driver.running, theatre.spec("sleep", "600", instance="web-v1-2")

    async def running() -> tuple[Running, ...]:
        found = await ask()
        await theatre.driver.start(late)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(theatre.driver, "running", running)
        await theatre.driver._returned()
    assert {one.instance for one in theatre.driver._records if not one.told} == {"web-v1-1", "web-v1-2"}


async def test_an_environment_may_lead_to_another_engine(theatre: Stage) -> None:
    given = theatre.engine.variables
    assert theatre.driver.is_of({**os.environ, **given})
    assert not theatre.driver.is_of({**os.environ, **given, "DOCKER_HOST": "unix:///nowhere/docker.sock"})
