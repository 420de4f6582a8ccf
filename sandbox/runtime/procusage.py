"""What processes and control groups use, as the kernel tells. Linux's /proc and cgroups; psutil elsewhere.

Small files are read by hand: psutil would look at every process of the machine to find the children of one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from sandbox.runtime.base import Usage
from sandbox.runtime.sharing import Sharing

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_MOST_PROCESSES = 512
"""Of one instance that are looked at."""

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Trees:
    """Of processes with their descendants. Memory is each one's part of what is shared, where the kernel tells."""

    def __init__(self, sharing: Sharing | None = None) -> None:
        self._sharing = sharing or Sharing()

    def usage(self, roots: Mapping[str, int]) -> tuple[Usage, ...]:
        """By the pid of each one's first process; one that has ended is left out. Not by two threads at a time."""
        if sys.platform != "linux":
            return tuple(found for id, pid in roots.items() if (found := _by_psutil(id, pid)) is not None)
        trees = {id: _descendants(pid) for id, pid in roots.items()}
        self._sharing.keep_only({pid for pids in trees.values() for pid in pids})
        return tuple(found for id, pids in trees.items() if (found := self._of_tree(id, pids)) is not None)

    def _of_tree(self, id: str, pids: list[int]) -> Usage | None:
        """CPU of children that ended is their parent's (proc_pid_stat(5): cutime, cstime)."""
        ticks = memory = 0
        found = False
        for one in pids:
            with suppress(OSError, ValueError, IndexError):
                fields = _stat(one)
                ticks += sum(map(int, fields[11:15]))
                memory += self._sharing.own(one, fields[19], int(fields[21]) * _PAGE)
                found = found or fields[0] != "Z"
        if not found:
            return None
        return Usage(id=id, cpu_seconds=ticks / _TICKS, memory=memory, memory_limit=None, open_files=_open_files(pids))


def resident(root: int) -> int:
    """Bytes of a process with its descendants, shared or not. 0 when it has ended, and where it costs more to know."""
    total = 0
    for pid in _descendants(root) if sys.platform == "linux" else ():
        with suppress(OSError, ValueError, IndexError):
            total += int(_stat(pid)[21]) * _PAGE
    return total


def of_container(id: str, pid: int, container: str) -> Usage | None:
    """By its control group (version 2). None where the engine's processes are not ours to see."""
    try:
        entry = (_PROC / str(pid) / "cgroup").read_text().strip()
        if not entry.startswith("0::/") or container not in entry:
            return None
        folder = _CGROUPS / entry.removeprefix("0::/")
        cpu = next(line for line in (folder / "cpu.stat").read_text().splitlines() if line.startswith("usage_usec "))
        memory, idle = int((folder / "memory.current").read_text()), _inactive(folder)
        limit = (folder / "memory.max").read_text().strip()
        pids = [int(one) for one in (folder / "cgroup.procs").read_text().split()]
    except (OSError, ValueError, StopIteration):
        return None
    return Usage(
        id=id,
        cpu_seconds=int(cpu.split()[1]) / 1e6,
        memory=max(0, memory - idle),
        memory_limit=int(limit) if limit.isdecimal() else None,
        open_files=_open_files(pids),
    )


def _inactive(folder: Path) -> int:
    """Cached files that the kernel would drop first: no tool counts them as the container's memory."""
    for line in (folder / "memory.stat").read_text().splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0


def _stat(pid: int) -> list[str]:
    """proc_pid_stat(5), from the third field on."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _descendants(root: int) -> list[int]:
    """With the root. A child that another thread than the first one started is listed by that thread."""
    found = [root]
    for pid in found:
        with suppress(OSError, ValueError):
            for task in (_PROC / str(pid) / "task").iterdir():
                found += map(int, (task / "children").read_text().split())
        if len(found) > _MOST_PROCESSES:
            return found[:_MOST_PROCESSES]
    return found


def _open_files(pids: Iterable[int]) -> int | None:
    """None when none of them may be looked into."""
    total: int | None = None
    for pid in pids:
        with suppress(OSError):
            total = (total or 0) + len(os.listdir(_PROC / str(pid) / "fd"))  # noqa: PTH208
    return total


def _by_psutil(id: str, pid: int) -> Usage | None:
    import psutil

    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
        times = [one.cpu_times() for one in tree]
        return Usage(
            id=id,
            cpu_seconds=sum(one.user + one.system for one in times),
            memory=sum(one.memory_info().rss for one in tree),
            memory_limit=None,
            open_files=sum(one.num_fds() for one in tree),
        )
    except psutil.Error:
        return None
