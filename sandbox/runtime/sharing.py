"""How much of a process's memory is its own: of what several processes share, each has its part (PSS).

Services that were forked from one zygote, and all programs that use the same libraries, share much of what is resident;
added up as it is, one gigabyte would be counted ten times. The kernel walks all pages of a process to tell (0.3 ms for
20 MB), so it is asked once a minute and when the size has changed a lot; in between, what is shared counts as the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ASK_AGAIN = 60.0
"""Seconds."""

MUCH = 0.25
"""Of the size at the last time."""

_PROC = Path("/proc")

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Known:
    started: str
    resident: int
    others: int  # bytes of the resident ones that count elsewhere
    at: float


class Sharing:
    def __init__(self, clock: Clock = time.monotonic, proc: Path = _PROC) -> None:
        self._clock = clock
        self._proc = proc
        self._known: dict[int, _Known] = {}

    def own(self, pid: int, started: str, resident: int) -> int:
        """Bytes, of the `resident` ones. All where the kernel does not tell. started: says which process it is."""
        known = self._known.get(pid)
        if known is None or self._is_old(known, started, resident):
            known = _Known(started, resident, self._others(pid, resident), self._clock())
            self._known[pid] = known
        return max(0, resident - known.others)

    def keep_only(self, pids: set[int]) -> None:
        self._known = {pid: known for pid, known in self._known.items() if pid in pids}

    def _is_old(self, known: _Known, started: str, resident: int) -> bool:
        return (
            known.started != started
            or self._clock() - known.at >= ASK_AGAIN
            or abs(resident - known.resident) > MUCH * known.resident
        )

    def _others(self, pid: int, resident: int) -> int:
        """proc_pid_smaps(5); in kilobytes since Linux 4.14."""
        try:
            for line in (self._proc / str(pid) / "smaps_rollup").read_bytes().splitlines():
                if line.startswith(b"Pss:"):
                    return max(0, resident - int(line.split()[1]) * 1024)
        except (OSError, ValueError, IndexError):
            pass
        return 0
