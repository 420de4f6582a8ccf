"""One started process: what was asked for, what it is now, and where its output goes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.runtime.shim.journal import Journal
from sandbox.runtime.shim.proctable import MARK
from sandbox.runtime.shim.wire import OrderError

SERVICE, PROXY, DAEMON, COMMAND, ZYGOTE = "service", "proxy", "daemon", "command", "zygote"
ROLES = (COMMAND, ZYGOTE, SERVICE, PROXY, DAEMON)
"""In the order in which a shutdown ends them."""

LONGEST_ID = 200

_PIPE_SIZE = 256 * 1024
_F_SETPIPE_SZ = 1031


class Sink(Protocol):
    """Takes what a process prints."""

    @property
    def flooded(self) -> bool: ...

    def begin(self, pid: int) -> None: ...

    def feed(self, chunk: bytes) -> None: ...

    def settle(self) -> None: ...

    def end(self) -> None: ...


class Tail:
    """Keeps the last bytes, for commands."""

    flooded = False

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self.kept = b""

    def begin(self, pid: int) -> None: ...

    def feed(self, chunk: bytes) -> None:
        self.kept = (self.kept + chunk[-self._limit :])[-self._limit :]

    def settle(self) -> None: ...

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Spec:
    id: str
    role: str
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    log: str = ""  # empty: nothing is written
    log_max_bytes: int = 0
    restart: bool = False  # start it again whenever it ends unasked


@dataclass(slots=True)
class Child:
    """Lives from its start until its first process and everything that came from it are gone."""

    spec: Spec
    pid: int
    mark: str
    output: int  # the reading end of its pipe; -1 once closed
    sink: Sink
    start: str = "cold"  # cold | warm: forked by a zygote
    started_at: float = field(default_factory=time.time)
    status: int | None = None  # as from waitpid, once its first process is gone
    ended_at: float = 0.0
    resting: bool = False  # it floods, and is not read for a moment
    asked: bool = False  # somebody wants it to end
    then: list[Callable[[], None]] = field(default_factory=list)  # called when it is gone

    def describe(self) -> dict[str, object]:
        counts = {"written": self.sink.written, "dropped": self.sink.dropped} if isinstance(self.sink, Journal) else {}
        return {
            "id": self.spec.id,
            "role": self.spec.role,
            "state": "running" if self.status is None and not self.asked else "ending",
            "pid": self.pid,
            "start": self.start,
            "started_at": self.started_at,
            **counts,
        }


def spawn(
    spec: Spec, token: str, sink: Sink, more: Mapping[str, str] | None = None, files: tuple[int, ...] = ()
) -> Child:
    """Start it in a session of its own, with `more` variables and open `files`. OrderError when the system refuses."""
    mark = mark_for(token, spec)
    try:
        reading, writing = output_pipe()
    except OSError as error:  # no file descriptor is left
        raise OrderError(error_code(error), _refusal(error, spec)) from None
    try:
        pid = _execute(spec, {**spec.env, MARK: mark, **(more or {})}, writing, files)
    except OSError as error:
        os.close(reading)
        raise OrderError(error_code(error), _refusal(error, spec)) from None
    except ValueError as error:
        os.close(reading)
        raise OrderError("bad_order", str(error)) from None
    finally:
        os.close(writing)
    sink.begin(pid)
    return Child(spec, pid, mark, reading, sink)


def mark_for(token: str, spec: Spec) -> str:
    """What its environment carries. A zygote's is as long as any, since its children write theirs over it."""
    mark = f"{token}:{spec.id}"
    return mark.ljust(len(token) + 1 + LONGEST_ID, ".") if spec.role == ZYGOTE else mark


def output_pipe() -> tuple[int, int]:
    """The reading end, which does not block, and the writing one."""
    reading, writing = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(reading, False)
    _enlarge(reading)
    return reading, writing


def _execute(spec: Spec, env: dict[str, str], output: int, files: tuple[int, ...]) -> int:
    process = subprocess.Popen(
        spec.argv,
        cwd=spec.cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        close_fds=True,
        pass_fds=files,
        start_new_session=True,
    )
    process.returncode = 0  # we reap it ourselves; Popen must neither wait nor warn
    return process.pid


def _enlarge(pipe: int) -> None:
    # A larger pipe lets a flooding service run on while we rest. The limit of all pipes of a user may forbid it.
    with suppress(OSError, ImportError):
        import fcntl

        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_SIZE)


def error_code(error: OSError) -> str:
    import errno

    return errno.errorcode.get(error.errno or 0, "failed")


def _refusal(error: OSError, spec: Spec) -> str:
    if error.filename is not None and os.fspath(error.filename) == spec.cwd:
        return f"its folder {spec.cwd}: {error.strerror}"
    return f"{spec.argv[0]}: {error.strerror}"
