"""Ends of processes, kept by role until a subscriber says that it heard them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Exit:
    """Exactly one of `code` and `signal` is set."""

    id: str
    role: str
    pid: int
    code: int | None
    signal: int | None
    at: float
    reason: str | None
    number: int

    def message(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Exits:
    def __init__(self) -> None:
        self._kept: dict[str, deque[Exit]] = {}
        self._number = 0
        self.dropped = 0

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def add(self, exit: Exit) -> None:
        kept = self._kept.setdefault(exit.role, deque())
        if len(kept) >= MOST_KEPT:
            kept.popleft()
            self.dropped += 1
        kept.append(exit)

    def kept(self, role: str) -> tuple[Exit, ...]:
        return tuple(self._kept.get(role, ()))

    def heard(self, role: str, number: int) -> None:
        kept = self._kept.get(role, deque())
        while kept and kept[0].number <= number:
            kept.popleft()
