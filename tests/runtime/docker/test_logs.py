"""Containers' output in our own files."""

from __future__ import annotations

import asyncio

from sandbox.runtime.base import Running
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage

COUNTS = "i=0; while [ $i -lt {0} ]; do echo line $i; i=$((i+1)); done; echo done"


def lines(count: int) -> str:
    return "".join(f"line {number}\n" for number in range(count)) + "done\n"


async def until(theatre: Stage, word: str) -> None:
    async with asyncio.timeout(20):
        while word not in theatre.log():
            await asyncio.sleep(0.01)


async def test_all_is_there_when_the_end_is_told(theatre: Stage) -> None:
    assert await theatre.outcome("echo err >&2; sleep 0.2; printf 'no end'") == ("exit code 0", "err\nno end")
    assert await theatre.outcome(COUNTS.format(3000)) == ("exit code 0", "err\nno end\n" + lines(3000))


async def test_lines_longer_than_the_engines_messages(theatre: Stage) -> None:
    script = "import sys; print('x' * 100_000); print('end', file=sys.stderr)"
    await theatre.start("python3", "-c", script)
    await theatre.exit()
    assert theatre.log().replace("end\n", "") == "x" * 100_000 + "\n"


async def test_a_log_goes_on_when_its_container_is_replaced(theatre: Stage) -> None:
    for word in ("one", "two"):
        await theatre.outcome(f"echo {word}")
    assert theatre.log() == "one\ntwo\n"


async def test_supervisors_that_follow_each_other_write_every_line_once(theatre: Stage) -> None:
    script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.003; done; echo done; sleep 600"
    await theatre.shell(script)
    for word in ("line 20\n", "line 90\n", "line 160\n"):
        await until(theatre, word)
        await theatre.close()
        await theatre.open()
    await until(theatre, "done\n")
    assert theatre.log() == lines(400)


async def test_an_end_that_nobody_saw(theatre: Stage, engine: RealEngine) -> None:
    running = await theatre.shell("echo before; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo last words; exit 3")
    await until(theatre, "before")
    await theatre.close()
    release(engine, running)
    await asyncio.to_thread(engine.api.wait, running.container)
    assert theatre.log() == "before\n"
    await theatre.open()
    assert (await theatre.exit()).describe() == "exit code 3"
    assert theatre.log() == "before\nlast words\n"


async def test_a_container_that_nobody_followed_from_its_start(theatre: Stage, engine: RealEngine) -> None:
    """A supervisor was killed right after it started one."""
    assert (await theatre.outcome("echo the old one"))[1] == "the old one\n"
    theatre.driver._logs.follow = lambda *args, **options: None  # type: ignore[method-assign]
    await theatre.shell("echo the new one; sleep 600")
    await theatre.close()
    await theatre.open()
    await until(theatre, "new")
    assert theatre.log() == "the old one\nthe new one\n"


async def test_a_flood_is_cut_and_its_end_is_there(theatre: Stage) -> None:
    script = "head -c 30000000 /dev/zero | tr '\\0' 'x' | fold -w 999; echo the end; sleep 600"
    await theatre.shell(script)
    await until(theatre, "the end\n")
    assert sum(path.stat().st_size for path in theatre.paths.logs.iterdir()) < 1.1 * 1024 * 1024


def release(engine: RealEngine, running: Running) -> None:
    made = engine.api.exec_create(running.container, ["touch", "/tmp/go"])["Id"]
    engine.api.exec_start(made, detach=True)
