"""An engine that goes away and comes back: what is said, what is known afterwards, and what nobody has to repeat."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker import watch as watch_module
from sandbox.runtime.docker.endpoint import Endpoint
from sandbox.runtime.docker.engine import EngineGone
from sandbox.runtime.docker.stream import Streams
from sandbox.runtime.docker.watch import EngineWatch
from tests.docker_engine import RealEngine
from tests.own_engine import OwnEngine, own_engine
from tests.runtime.docker.stage import Stage, stage
from tests.runtime.home import project_paths, until

LOSS = "the Docker engine went away: .*[.] What runs goes on; nothing can be started or stopped meanwhile"
RETURN = "the Docker engine is back"


@pytest.fixture(scope="module")
def installed(engine: RealEngine) -> Iterator[OwnEngine]:
    with own_engine("--live-restore") as made:
        made.load(engine, [engine.image("python")])
        yield made


@asynccontextmanager
async def staged(own: OwnEngine, *options: str) -> AsyncIterator[Stage]:
    if own.options != options:
        own.terminate()
        own.options = options
        own.start()
    with own.entered(), own.used() as used:
        async with stage(used) as made:
            yield made


async def until_said(theatre: Stage, count: int) -> None:
    await until(lambda: len(theatre.said) >= count, 30)


# --- containers that go on (dockerd --live-restore) -----------------------------------------------------------------


async def test_what_runs_goes_on_and_is_told_once(installed: OwnEngine) -> None:
    async with staged(installed, "--live-restore") as theatre:
        script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done"
        staying = await theatre.shell(script)
        leaving = await theatre.shell("while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 5", instance="stock-v1-1")

        await asyncio.to_thread(installed.kill)
        await until_said(theatre, 1)
        with suppress(ProcessLookupError):
            Path(f"/proc/{leaving.pid}/root/tmp/go").touch()
        starting = asyncio.ensure_future(theatre.start(instance="web-v1-2"))
        await asyncio.to_thread(installed.start)
        await until_said(theatre, 2)

        assert re.fullmatch(LOSS, theatre.said[0])
        assert theatre.said[1:] == [RETURN]
        assert (await theatre.exit()).id == "stock-v1-1"
        started = await starting  # it waited for the engine
        assert set(await theatre.driver.running()) == {staying, started}
        await theatre.driver.stop(staying.id, grace=0.0)
        assert (await theatre.exit()).id == staying.id
        numbers = [int(line.split()[1]) for line in theatre.log().splitlines()]
        assert numbers == list(range(len(numbers)))
        assert len(theatre.said) == 2


async def test_logs_are_followed_through_an_engine_that_ends_politely(installed: OwnEngine) -> None:
    """It closes its answers as if there were nothing more to come."""
    async with staged(installed, "--live-restore") as theatre:
        await theatre.shell("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done")
        await until(lambda: "line 5" in theatre.log(), 20)
        await asyncio.to_thread(installed.terminate)
        await asyncio.to_thread(installed.start)
        await until_said(theatre, 2)
        seen = theatre.log().count("\n")
        await until(lambda: theatre.log().count("\n") > seen + 20, 20)
        numbers = [int(line.split()[1]) for line in theatre.log().splitlines()]
        assert numbers == list(range(len(numbers)))


# --- containers that end with their engine --------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [OwnEngine.terminate, OwnEngine.kill], ids=["SIGTERM", "SIGKILL"])
async def test_what_ended_with_the_engine_is_told_once_and_can_start_again(
    installed: OwnEngine, ending: Callable[[OwnEngine], None]
) -> None:
    async with staged(installed) as theatre:
        await asyncio.gather(theatre.start(instance="web-v1-1"), theatre.start(instance="stock-v1-1"))

        await asyncio.to_thread(ending, installed)
        await asyncio.to_thread(installed.start)
        await until_said(theatre, 2)

        exits = [await theatre.exit(), await theatre.exit()]
        assert {exit.id for exit in exits} == {"web-v1-1", "stock-v1-1"}
        assert all(exit.signal for exit in exits)
        assert await theatre.driver.running() == ()
        again = await theatre.start(instance="web-v1-1")
        assert await theatre.driver.running() == (again,)
        assert re.fullmatch(LOSS, theatre.said[0])
        assert theatre.said[1:] == [RETURN]


async def test_while_it_is_away_stopping_fails_in_plain_words(
    installed: OwnEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_RETURNS_WITHIN", 0.1)
    async with staged(installed) as theatre:
        await theatre.start()
        await asyncio.to_thread(installed.kill)
        await until_said(theatre, 1)
        for asked in (theatre.driver.stop("web-v1-1", 0.0), theatre.driver.running()):
            with pytest.raises(EngineGone, match="the engine does not run") as failure:
                await asked
            assert failure.value.hint
        await asyncio.to_thread(installed.start)
        await until_said(theatre, 2)


# --- without a project ----------------------------------------------------------------------------------------------


async def test_an_engine_that_lets_nobody_listen_is_an_error_not_a_wait() -> None:
    with project_paths() as paths:
        async with answering(paths.home / "e.sock", 403):
            streams = Streams(paths.home / "e.sock", "1.41")
            watch = EngineWatch(
                Endpoint(f"unix://{paths.home}/e.sock", "here"), streams, "shop", ignore, ignore, on_return, ignore
            )
            with pytest.raises(RuntimeFailure, match="it does not tell what happens: 403") as failure:
                await watch.open()
            assert failure.value.hint
            await watch.close()
            await streams.close()


def ignore(*_: object) -> None:
    return


async def on_return() -> None:
    return


@asynccontextmanager
async def answering(socket: Path, status: int) -> AsyncIterator[None]:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    yield
    await runner.cleanup()
