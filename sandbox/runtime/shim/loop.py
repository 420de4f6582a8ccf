"""One thread waiting for files and for time. A failing callback is reported and takes nothing else down."""

from __future__ import annotations

import heapq
import itertools
import selectors
import sys
import time
from collections.abc import Callable
from contextlib import suppress

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

Callback = Callable[[], None]


class Timer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._running = True
        self._reported = 0

    def watch(self, file: int, events: int, callback: Callback) -> None:
        """Call back whenever `file` is ready; replaces an earlier watch of the same file."""
        if file in self._selector.get_map():
            self._selector.modify(file, events, callback)
        else:
            self._selector.register(file, events, callback)

    def unwatch(self, file: int) -> None:
        if file in self._selector.get_map():
            self._selector.unregister(file)

    def later(self, delay: float, callback: Callback) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._numbers), timer))
        return timer

    def stop(self) -> None:
        self._running = False

    def run(self) -> None:
        while self._running:
            for key, _ in self._selector.select(self._patience()):
                self._call(key.data)
            self._ring()
        self._selector.close()

    def _patience(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _ring(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.callback is not None:
                self._call(timer.callback)

    def _call(self, callback: Callback) -> None:
        try:
            callback()
        except Exception:
            self._report()

    def _report(self) -> None:
        self._reported += 1
        if self._reported > 100:  # the shim's own log must stay small whatever happens
            return
        with suppress(Exception):  # without a file descriptor, nothing can be imported either
            import traceback  # half a megabyte that is hardly ever needed

            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
