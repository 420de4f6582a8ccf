"""Short commands inside containers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.inside import Inside
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import SLEEPS, stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inside(engine: RealEngine) -> AsyncIterator[Inside]:
    async with stage(engine) as theatre:
        running = await theatre.start()
        yield Inside(theatre.driver._engine, theatre.driver._streams, str(running.container), running.id)


async def test_code_and_output(inside: Inside) -> None:
    assert await inside.run(["true"], 10) == (0, "")
    assert await inside.run(["sh", "-c", "echo err >&2; exit 3"], 10) == (3, "err\n")
    assert await inside.run(["echo", "a  b", "$HOME", "'"], 10) == (0, "a  b $HOME '\n")


async def test_the_last_4_kib_of_a_lot(inside: Inside) -> None:
    code, text = await inside.run(["sh", "-c", "seq 100000; echo end"], 20)
    assert (code, len(text)) == (0, 4096)
    assert text.endswith("99999\n100000\nend\n")


async def test_codes_are_right_however_short_a_command_is(inside: Inside) -> None:
    """An engine closes the output before it knows the code."""
    outcomes = await asyncio.gather(*(inside.run(["sh", "-c", f"exit {code}"], 30) for code in range(1, 25)))
    assert [code for code, _ in outcomes] == list(range(1, 25))


async def test_a_command_that_closes_its_output_is_waited_for(inside: Inside) -> None:
    assert await inside.run(["sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 9"], 10) == (9, "")


async def test_what_is_missing_is_said(inside: Inside) -> None:
    for missing in ("no-such-program", "/no/such/program"):
        with pytest.raises(RuntimeFailure, match=f"{missing}: no such file or directory in the image") as failure:
            await inside.run([missing, "word"], 10)
        assert failure.value.hint


async def test_a_shell_that_misses_something_did_start(inside: Inside) -> None:
    code, text = await inside.run(["sh", "-c", "no-such-program --health"], 10)
    assert (code, text) == (127, "sh: 1: no-such-program: not found\n")


async def test_a_command_that_takes_too_long_is_ended_with_all_it_started(inside: Inside) -> None:
    with pytest.raises(TimeoutError):
        await inside.run(["sh", "-c", "sleep 4242 & sleep 4243"], 0.5)
    _, text = await inside.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"], 10)
    assert SLEEPS[1] in text
    assert "424" not in text


async def test_one_that_is_cancelled_is_ended_too(inside: Inside) -> None:
    asking = asyncio.ensure_future(inside.run(["sleep", "4244"], 60))
    await until_seen(inside, "4244", there=True)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until_seen(inside, "4244", there=False)


async def until_seen(inside: Inside, word: str, *, there: bool) -> None:
    look = ["sh", "-c", f"grep -lz '^{word}$' /proc/[0-9]*/cmdline | grep -v self"]
    async with asyncio.timeout(10):
        while ((await inside.run(look, 10))[0] == 0) is not there:
            await asyncio.sleep(0.02)


async def test_a_container_that_is_gone(inside: Inside) -> None:
    gone = Inside(inside._engine, inside._streams, "0" * 64, "web-v1-1")
    with pytest.raises(RuntimeFailure, match="No such container"):
        await gone.run(["true"], 10)
