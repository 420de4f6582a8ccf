"""Requests that start when they are meant to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from sandbox.load.plan import Destination, Plan
from sandbox.load.run import Run
from sandbox.load.tally import Outcome
from sandbox.tasks import Tasks


class Server:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.asking = self.most = self.asked = 0
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.asking += 1
        self.most = max(self.most, self.asking)
        await self.open.wait()
        self.asking -= 1
        return web.Response(text="ok")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    app.router.add_route("*", "/{rest:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    server.open.set()
    await runner.cleanup()


def plan(server: Server, **more: float) -> Plan:
    to = Destination(base=server.url, host=None, way="directly", caller="gateway")
    return Plan(destination=to, service="web", **more)  # type: ignore[arg-type]


async def test_all_are_sent_and_told(server: Server) -> None:
    run = Run(plan(server, per_second=200, seconds=0.2))
    await run.go()

    assert run.tally.outcomes == {Outcome(200): 40}
    assert (run.tally.not_sent, run.tally.unfinished, server.asked) == (0, 0, 40)


async def test_a_server_that_stands_still_is_told_in_the_latencies_of_all_that_were_meant_meanwhile(
    server: Server,
) -> None:
    """Coordinated omission: who waits for an answer before he asks again measures one slow request."""
    run, tasks = Run(plan(server, per_second=100, seconds=0.5, at_a_time=1)), Tasks()
    server.open.clear()
    going = tasks.spawn(run.go(), name="go")
    await asyncio.sleep(0.4)
    server.open.set()
    await going

    assert server.most == 1
    assert run.tally.sent == 50
    median = run.tally.latencies.quantile(0.5)
    assert median is not None
    assert median > 0.1
    assert run.tally.late > 20


async def test_what_can_not_be_kept_up_with_is_not_sent_and_counted(server: Server) -> None:
    run, tasks = Run(plan(server, per_second=500, seconds=0.5, at_a_time=2)), Tasks()
    server.open.clear()
    going = tasks.spawn(run.go(), name="go")
    async with asyncio.timeout(10):
        while not run.tally.not_sent and not going.done():
            await asyncio.sleep(0.01)
            if run.seconds > 0.5:
                break
    server.open.set()
    await going

    assert server.most == 2
    assert run.tally.sent + run.tally.not_sent == 250


async def test_ended_early_it_tells_what_was_under_way(server: Server) -> None:
    run, tasks = Run(plan(server, per_second=100, seconds=60)), Tasks()
    server.open.clear()
    tasks.spawn(run.go(), name="go")
    async with asyncio.timeout(10):
        while server.asked < 3:
            await asyncio.sleep(0.01)
    await tasks.close()

    assert run.tally.unfinished >= 3
    assert run.tally.sent == 0


async def test_an_answer_that_takes_too_long(server: Server) -> None:
    run = Run(plan(server, per_second=10, seconds=0.1, timeout=0.1))
    server.open.clear()
    await run.go()

    assert run.tally.outcomes == {Outcome(None, "no answer within 0.1 s"): 1}
    assert run.tally.latencies.total == 0
