"""A project's folders in a short place, where sockets can be bound, and the promise that nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.errors import NotRunningError
from sandbox.paths import ProjectPaths
from sandbox.runtime.client import shut_down
from sandbox.runtime.sweep import sweep

SHELL_ENVIRONMENT = {"PATH": os.environ["PATH"]}


@contextmanager
def project_paths() -> Iterator[ProjectPaths]:
    home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    paths = ProjectPaths(home, f"test-{home.name[3:].lower().replace('_', 'x')}")  # others run beside it
    paths.create()
    try:
        yield paths
    finally:
        with suppress(NotRunningError):
            shut_down(paths.shim_socket, 0.0)
        paths.run.mkdir(exist_ok=True)
        sweep(paths)
        shutil.rmtree(home)


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    """Wait for a condition of the outside world."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Running, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # it may vanish while it is read
        return False


def read_pid(file: Path) -> int | None:
    """What a process wrote down, once it did so completely."""
    text = file.read_text() if file.exists() else ""
    return int(text) if text.endswith("\n") else None
