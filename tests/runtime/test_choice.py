"""Which runtime a project gets, and what people read about it."""

from __future__ import annotations

import pytest

from sandbox.errors import RuntimeFailure, UsageError
from sandbox.runtime.choice import Choice, choose
from tests.docker_engine import RealEngine

NOWHERE = {"DOCKER_HOST": "unix:///nowhere"}


async def test_what_is_asked_for() -> None:
    assert await choose("process", NOWHERE) == Choice("process", "it was asked for")


async def test_an_engine_that_answers_is_preferred(engine: RealEngine) -> None:
    choice = await choose("auto", engine.variables)
    socket = engine.endpoint.url.removeprefix("unix://")
    assert choice == Choice("docker", f"an engine answers at {socket} (DOCKER_HOST)")
    assert await choose("docker", engine.variables) == Choice("docker", "it was asked for")


async def test_without_an_engine_there_are_processes() -> None:
    assert await choose("auto", NOWHERE) == Choice(
        "process", "no Docker engine can be used: there is no engine at /nowhere"
    )


async def test_containers_that_can_not_be_had() -> None:
    with pytest.raises(RuntimeFailure, match="there is no engine at /nowhere") as failure:
        await choose("docker", NOWHERE)
    assert failure.value.hint.endswith("; or use processes: --runtime process")


async def test_what_does_not_exist() -> None:
    with pytest.raises(UsageError, match="there is no runtime 'podman'"):
        await choose("podman", NOWHERE)
