"""Whether the kernel killed something because memory ran out."""

from __future__ import annotations

import signal


class OutOfMemory:
    def __init__(self) -> None:
        self._count = _count()

    def killed_since_last(self, number: int | None) -> bool:
        """Whether an end by signal `number` coincides with a new kill by the kernel's OOM killer."""
        if number != signal.SIGKILL:
            return False
        before, self._count = self._count, _count()
        return self._count > before


def _count() -> int:
    """`oom_kill` of /proc/vmstat (Linux 4.13); always 0 elsewhere."""
    try:
        with open("/proc/vmstat", "rb") as file:  # noqa: PTH123
            for line in file:
                if line.startswith(b"oom_kill "):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0
