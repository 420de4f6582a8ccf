from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack.tool import run_tool
from tests.runtime.home import SHELL_ENVIRONMENT, alive, read_pid, until


async def test_output_comes_line_by_line_and_cleaned(tmp_path: Path) -> None:
    said: list[str] = []
    script = "printf 'one\\n\\ntwo \\033[2Kx\\n'; echo three >&2; exit 5"
    done = await run_tool(["sh", "-c", script], tmp_path, SHELL_ENVIRONMENT, said.append)
    assert (done.code, done.last) == (5, ("one", "two x", "three"))
    assert said == ["one", "two x", "three"]


async def test_endless_output_is_bounded(tmp_path: Path) -> None:
    said: list[str] = []
    script = "head -c 5000000 /dev/zero | tr '\\0' x; echo; seq 100"
    done = await run_tool(["sh", "-c", script], tmp_path, SHELL_ENVIRONMENT, said.append)
    assert len(said[0]) <= 16 * 1024
    assert done.last == tuple(str(number) for number in range(86, 101))


async def test_cancelling_ends_it_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "child"
    script = f"sh -c 'echo $$ > {note}; exec sleep 60' & wait"
    running = asyncio.ensure_future(run_tool(["sh", "-c", script], tmp_path, SHELL_ENVIRONMENT, print))
    await until(lambda: read_pid(note) is not None)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    child = read_pid(note) or 0
    await until(lambda: not alive(child), within=30)  # init may take a while to bury it


async def test_cancelling_it_before_it_is_known_to_run_ends_it_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, create, gate = tmp_path / "child", asyncio.create_subprocess_exec, asyncio.Event()

    async def slowly(*argv: Any, **words: Any) -> asyncio.subprocess.Process:
        process = await create(*argv, **words)
        try:
            await gate.wait()
        except asyncio.CancelledError:  # as asyncio has it
            process.kill()
            await process.wait()
            raise
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    script = f"sh -c 'echo $$ > {note}; exec sleep 60' & wait"
    running = asyncio.ensure_future(run_tool(["sh", "-c", script], tmp_path, SHELL_ENVIRONMENT, print))
    await until(lambda: read_pid(note) is not None)
    running.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    child = read_pid(note) or 0
    await until(lambda: not alive(child), within=30)


async def test_our_mark_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SANDBOX_SHIM", "token:supervisor")
    said: list[str] = []
    await run_tool(["sh", "-c", "echo $SANDBOX_SHIM"], tmp_path, SHELL_ENVIRONMENT, said.append)
    assert said == ["token:supervisor"]


async def test_a_tool_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="no-such-tool could not be started"):
        await run_tool(["no-such-tool"], tmp_path, SHELL_ENVIRONMENT, print)
