"""The system's processes: who descends from whom, who carries our mark, and signals that never hit a reused pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

MARK = "SANDBOX_SHIM"
"""The variable that carries `<token>:<key>` into every process a shim starts, and into all that come from it."""

_LINUX = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    session: int
    started: str  # clock ticks since boot; with the pid it names one process for good. "" where ps tells of it
    zombie: bool

    @property
    def name(self) -> tuple[int, str]:
        return self.pid, self.started


class Table:
    """A snapshot."""

    def __init__(self, processes: Iterable[Process]) -> None:
        self.processes = {process.pid: process for process in processes}
        self._children: dict[int, list[Process]] = {}
        for process in self.processes.values():
            self._children.setdefault(process.parent, []).append(process)

    def descendants(self, root: int) -> Iterator[Process]:
        """All below `root`, without itself."""
        waiting, seen = [root], {root}
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                if child.pid not in seen:
                    seen.add(child.pid)
                    waiting.append(child.pid)
                    yield child


def snapshot() -> Table:
    return Table(_from_proc() if _LINUX else _from_ps())


def members(table: Table, keeper: int, root: int, mark: str, known: Collection[tuple[int, str]] = ()) -> list[Process]:
    """The living processes of one start: below its first process, in its session, or carrying its mark.

    `keeper` is the sub-reaper that has all of them among its descendants; where systems know no sub-reapers,
    everything is looked at. `known`: names of those found before. Linux takes the environment of a process that ends,
    and with it the mark, before its files and sockets.
    """
    tree = {root, *(process.pid for process in table.descendants(root))}
    candidates = table.descendants(keeper) if _LINUX else table.processes.values()
    return [
        process
        for process in candidates
        if not process.zombie
        and (
            process.pid in tree
            or process.session == root
            or (process.started and process.name in known)
            or mark_of(process.pid) == mark
        )
    ]


def parent_of(pid: int) -> int | None:
    """None when there is no such process."""
    process = _read(pid) if _LINUX else None
    return process.parent if process else None


def mark_of(pid: int) -> str | None:
    """The mark in a process's environment as it was when its program started. None when unreadable or absent."""
    prefix = f"{MARK}=".encode()
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - pathlib would cost the shim 1 MB
            for entry in file.read().split(b"\0"):
                if entry.startswith(prefix):
                    return os.fsdecode(entry[len(prefix) :])
    except OSError:
        pass
    return None


def send(process: Process, number: int) -> None:
    """Signal it, unless it ended and its pid names something else by now."""
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(process.pid, number)
            return
        handle = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        now = _read(process.pid)
        if now is not None and now.started == process.started:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass
    finally:
        os.close(handle)


def _from_proc() -> Iterator[Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and (process := _read(int(name))) is not None:
            yield process


def _read(pid: int) -> Process | None:
    """proc(5): the command in parentheses may hold anything, so the fields are counted after the last one."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) < 20:
        return None
    return Process(pid, int(fields[1]), int(fields[3]), fields[19].decode(), fields[0] in (b"Z", b"X"))


def _from_ps() -> Iterator[Process]:
    found = subprocess.run(["ps", "-axo", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=False)
    for line in found.stdout.splitlines():
        pid, parent, group, state = line.split(None, 3)
        # A process group stands in for the session, which ps does not show everywhere.
        yield Process(int(pid), int(parent), int(group), "", state.startswith("Z"))
