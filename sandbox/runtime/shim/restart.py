"""Daemons that are started again whenever they end unasked, ever more slowly while they keep failing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.runtime.shim.child import Spec
from sandbox.runtime.shim.loop import Loop, Timer
from sandbox.runtime.shim.wire import OrderError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
SETTLED_AFTER = 10.0
"""Seconds of life after which an end counts as a first one again."""


class Restarts:
    def __init__(self, loop: Loop, start: Callable[[Spec], None]) -> None:
        self._loop = loop
        self._start = start
        self._failures: dict[str, int] = {}
        self._waiting: dict[str, tuple[Spec, Timer]] = {}

    def ended(self, spec: Spec, lived: float) -> None:
        failures = 0 if lived > SETTLED_AFTER else self._failures.get(spec.id, 0)
        self._failures[spec.id] = failures + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures, 20))
        self._waiting[spec.id] = (spec, self._loop.later(pause, lambda: self._again(spec)))

    def forget(self, name: str) -> None:
        self._failures.pop(name, None)
        if waiting := self._waiting.pop(name, None):
            waiting[1].cancel()

    def forget_all(self) -> None:
        for name in list(self._waiting):
            self.forget(name)

    def describe(self) -> list[dict[str, Any]]:
        return [
            {"id": spec.id, "role": spec.role, "state": "backoff", "pid": None, "restarts": self._failures[spec.id]}
            for spec, _ in self._waiting.values()
        ]

    def _again(self, spec: Spec) -> None:
        del self._waiting[spec.id]
        try:
            self._start(spec)
        except OrderError:
            self.ended(spec, 0.0)
