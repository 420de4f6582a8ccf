"""Services that print without measure, through a real shim."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sandbox.paths import ProjectPaths
from sandbox.runtime.client import Kept, ShimClient
from sandbox.runtime.logfile import last_lines, log_counts
from tests.runtime.home import SHELL_ENVIRONMENT, until

LIMIT = 1024 * 1024


async def start(shim: ShimClient, paths: ProjectPaths, id: str, program: str) -> None:
    await shim.start(
        id,
        [sys.executable, "-I", "-S", "-c", program],
        cwd=paths.state,
        env=SHELL_ENVIRONMENT,
        log=paths.logs / f"{id}.log",
        log_max_bytes=LIMIT,
    )


async def counts(shim: ShimClient, id: str) -> Kept:
    return next(kept for kept in await shim.list() if kept.id == id)


def on_disk(paths: ProjectPaths) -> int:
    return sum(path.stat().st_size for path in paths.logs.iterdir())


def resident(pid: int) -> int:
    """KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


async def share_of_a_core(pid: int) -> float:
    """What a process uses, over half a second."""

    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    await asyncio.sleep(0.5)
    return (used() - before) / 0.5


async def test_a_flood_neither_blocks_the_service_nor_fills_disk_or_memory(
    shim: ShimClient, paths: ProjectPaths
) -> None:
    pid = await shim.ping()
    before = resident(pid)
    flood = "import os\nfor _ in range(1000): os.write(1, (b'x' * 79 + b'\\n') * 1250)\n"
    await start(shim, paths, "flood", f"{flood}print('the last word', flush=True)\nimport time; time.sleep(60)")
    async with asyncio.timeout(20):
        while (await counts(shim, "flood")).written < 100_000_000:
            await asyncio.sleep(0.02)
    await until(lambda: last_lines(paths.logs / "flood.log", 1) == ["the last word"])
    told = await counts(shim, "flood")
    assert told.written == 100_000_000 + len("the last word\n")
    assert told.written - told.dropped < 60_000_000
    counted = log_counts(paths.logs / "flood.log", "flood")
    assert counted is not None and counted.held <= LIMIT
    assert counted.dropped == told.dropped
    assert 0 <= counted.written - told.written < 1000  # the line ends that begin a new line after what was dropped
    assert on_disk(paths) <= LIMIT
    assert resident(pid) - before < 8 * 1024


async def test_others_are_served_during_a_flood(shim: ShimClient, paths: ProjectPaths) -> None:
    await start(shim, paths, "flood", "import os\nwhile True: os.write(1, b'x' * 65535 + b'\\n')")
    await start(shim, paths, "quiet", "print('hello', flush=True); import time; time.sleep(60)")
    await until(lambda: last_lines(paths.logs / "quiet.log", 1) == ["hello"])
    assert await share_of_a_core(await shim.ping()) < 0.5
    async with asyncio.timeout(2):
        await shim.stop("flood", 0)


async def test_one_endless_line(shim: ShimClient, paths: ProjectPaths) -> None:
    line = "import os\nprint('before', flush=True)\nfor _ in range(64): os.write(1, b'x' * 1048576)\n"
    await start(shim, paths, "line", f"{line}print('\\nafter', flush=True)")
    async with asyncio.timeout(20):
        assert (await anext(aiter(shim.exits("service")))).code == 0
    lines = last_lines(paths.logs / "line.log", 10)
    assert (lines[0], lines[-1]) == ("before", "after")
    assert on_disk(paths) <= LIMIT
