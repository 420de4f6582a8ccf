"""Ending what a dead shim left behind.

Everything a shim starts carries its random token in the environment, and the token is in a private file. So what it
left can be told from everything else on the machine, however it daemonised.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.client import answers
from sandbox.runtime.shim.proctable import Process, mark_of, send, snapshot

_GRACE = 2.0  # seconds before SIGKILL: their parent is dead, so nobody can ask how long they need
_GIVE_UP = 15.0
_DYING = 2.0  # a shim that is being killed loses its socket before its lock


def mark_file(paths: ProjectPaths) -> Path:
    """0600; holds the token of the shim that runs or ran last. Gone after an orderly end."""
    return paths.state / "shim.mark"


def sweep(paths: ProjectPaths) -> int:
    """End every process that a dead shim of this project left, and remove its run files; how many there were.

    Does nothing while a shim lives. Never touches the calling process. RuntimeFailure for one that won't die.
    """
    with _lock(paths) as free:
        if not free:
            return 0
        token = _token(mark_file(paths))
        count = _end(token) if token else 0
        mark_file(paths).unlink(missing_ok=True)
        _remove_run_files(paths)
    return count


def left_behind(token: str) -> list[Process]:
    """The living processes of ours that carry the token, other than this one."""
    return [
        process
        for process in snapshot().processes.values()
        if not process.zombie and process.pid != os.getpid() and (mark_of(process.pid) or "").startswith(f"{token}:")
    ]


def _end(token: str) -> int:
    found = left_behind(token)
    started, kill = time.monotonic(), False
    left = found
    for process in left:
        send(process, signal.SIGTERM)
        send(process, signal.SIGCONT)
    while left := left_behind(token):
        waited = time.monotonic() - started
        if waited > _GIVE_UP:
            pids = ", ".join(str(process.pid) for process in left)
            raise RuntimeFailure(f"processes of an earlier run do not end: {pids}", hint=f"end them: kill -9 {pids}")
        kill = waited > _GRACE
        for process in left if kill else ():
            send(process, signal.SIGKILL)
        time.sleep(0.02)
    return len(found)


def _token(path: Path) -> str | None:
    with suppress(OSError, ValueError):
        token = json.loads(path.read_bytes())["token"]
        if isinstance(token, str) and len(token) >= 32:
            return token
    return None


def _remove_run_files(paths: ProjectPaths) -> None:
    """The lock last: from then on there may be a new shim, whose files the others' names are."""
    with suppress(FileNotFoundError):  # somebody else may be clearing up, too
        for path in sorted(paths.run.iterdir(), key=lambda path: path == paths.shim_lock):
            if not path.is_dir():
                path.unlink(missing_ok=True)


@contextmanager
def _lock(paths: ProjectPaths) -> Iterator[bool]:
    """Whether no shim holds it; while inside, none can start."""
    file = _opened(paths)
    try:
        while (free := _take(file, paths.shim_socket)) and not _is_at(file, paths.shim_lock):
            os.close(file)  # somebody who cleared up removed it while we waited: a new shim would have another one
            file = _opened(paths)
        yield free
    finally:
        os.close(file)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _opened(paths: ProjectPaths) -> int:
    while True:
        with suppress(FileNotFoundError, FileExistsError):  # somebody else removes the folder just now
            paths.run.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(paths.shim_lock, os.O_RDWR | os.O_CREAT, 0o600)


def _take(file: int, socket: Path) -> bool:
    deadline = time.monotonic() + _DYING
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if answers(socket) or time.monotonic() > deadline:
            return False
        time.sleep(0.01)
