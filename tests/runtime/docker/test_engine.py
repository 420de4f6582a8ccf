"""Calls to an engine, and its refusals in plain words."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import requests
from docker.errors import APIError, DockerException

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.engine import Conflict, Engine, EngineGone, NotThere, explained, hint_for, refusal
from tests.docker_engine import RealEngine


@pytest.fixture
async def connected(engine: RealEngine) -> AsyncIterator[Engine]:
    found = await Engine.connect(engine.variables)
    yield found
    await found.close()


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "kind", "hint"),
    [
        (404, "No such image: shop:1", NotThere, "build or pull it"),
        (409, 'The container name "/x" is already in use', Conflict, ""),
        (500, "write /var/lib/docker/tmp: no space left on device", RuntimeFailure, "docker system prune"),
        (500, "driver failed: Bind for 127.0.0.1:80 failed: port is already allocated", RuntimeFailure, "another port"),
        (500, "Get https://registry/v2/: dial tcp: lookup registry: no such host", RuntimeFailure, "the network"),
        (400, "No command specified", RuntimeFailure, "give it a command"),
        (400, 'invalid mount config for type "bind": bind source path does not exist: /x', RuntimeFailure, "volumes"),
        (500, "unauthorized: authentication required", RuntimeFailure, "docker login"),
    ],
)
def test_refusals_come_with_a_next_step(status: int, said: str, kind: type[RuntimeFailure], hint: str) -> None:
    found = refusal(status, f"{said}\n", "web-v1-1")
    assert (type(found), found.message, found.place) == (kind, said, "web-v1-1")
    assert hint in found.hint


def test_what_nothing_is_known_about_has_no_hint() -> None:
    assert hint_for("the moon is full") == ""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (requests.ConnectionError("reset"), EngineGone, "the engine went away"),
        (requests.ReadTimeout("60 s"), EngineGone, "the engine took too long to answer"),
        (DockerException("the moon is full"), RuntimeFailure, "the moon is full"),
        (APIError("500", explanation="it is full"), RuntimeFailure, "it is full"),
    ],
)
def test_errors_of_the_library(error: Exception, kind: type[RuntimeFailure], message: str) -> None:
    found = explained(error, "docker")
    assert (type(found), found.message) == (kind, message)


# --- calls ----------------------------------------------------------------------------------------------------------


async def test_a_call_has_an_answer_or_a_reason(connected: Engine) -> None:
    assert (await connected.call(lambda api: api.version()))["ApiVersion"] == connected.version
    with pytest.raises(NotThere) as failure:
        await connected.call(lambda api: api.inspect_container("no-such-container"), place="web-v1-1")
    assert "no-such-container" in failure.value.message
    assert failure.value.place == "web-v1-1"


async def test_calls_are_made_side_by_side_and_not_too_many_of_them(connected: Engine) -> None:
    together, most, gate = 0, 0, threading.Barrier(8)
    lock = threading.Lock()

    def count(api: object) -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        gate.wait(10)
        with lock:
            together -= 1

    await asyncio.gather(*(connected.call(count) for _ in range(16)))
    assert most == 8


async def test_quiet_waits_for_what_cancelled_tasks_asked_for(connected: Engine) -> None:
    asked, may_go, happened = threading.Event(), threading.Event(), threading.Event()

    def slow(api: object) -> None:
        asked.set()
        may_go.wait(10)
        happened.set()

    asking = asyncio.ensure_future(connected.call(slow))
    await asyncio.to_thread(asked.wait, 10)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    asyncio.get_running_loop().call_later(0.05, may_go.set)

    await connected.quiet()

    assert happened.is_set()


async def test_no_thread_of_a_closed_engine_stays(engine: RealEngine) -> None:
    connected = await Engine.connect(engine.variables)
    await connected.call(lambda api: api.ping())
    await connected.close()
    for thread in threading.enumerate():
        if thread.name.startswith("docker"):
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()


async def test_where_no_engine_is_connecting_says_so() -> None:
    with pytest.raises(RuntimeFailure, match="there is no engine at /nowhere") as failure:
        await Engine.connect({"DOCKER_HOST": "unix:///nowhere"})
    assert failure.value.hint
