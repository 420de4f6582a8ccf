"""All processes that were started: reaping, reading their output, ending them with everything that came from them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sandbox.runtime.shim import proctable
from sandbox.runtime.shim.child import Child, Sink, Spec, mark_for, spawn
from sandbox.runtime.shim.loop import READ, Loop
from sandbox.runtime.shim.proctable import Process, Table
from sandbox.runtime.shim.wire import OrderError

LEFTOVERS_GRACE = 1.0
"""Seconds that descendants get to end by themselves when the first process ended unasked."""

UNKILLABLE = 15.0
"""Seconds after the first SIGKILL after which we stop waiting: what is left hangs in the kernel."""

_CHUNK = 256 * 1024
_FLOOD_REST = 0.002  # seconds of not reading a flooding process: bounds our CPU at about 128 MB/s
_DRAIN_LIMIT = 8 * 1024 * 1024
_FIRST_LOOK, _LONGEST_LOOK = 0.01, 0.1


@dataclass(slots=True)
class Ending:
    child: Child
    kill_at: float  # monotonic
    seen: set[tuple[int, str]]  # names of the processes found to be of it


class Family:
    def __init__(self, loop: Loop, token: str, gone: Callable[[Child], None]) -> None:
        """`gone` hears of every child when nothing of it is left."""
        self._loop = loop
        self.token = token
        self._gone = gone
        self._by_pid: dict[int, Child] = {}
        self._endings: dict[str, Ending] = {}
        self._pause = _FIRST_LOOK
        self._looking = False
        self.children: dict[str, Child] = {}

    def start(
        self, spec: Spec, sink: Sink, more: Mapping[str, str] | None = None, files: tuple[int, ...] = ()
    ) -> Child:
        """OrderError when the id is in use or the system refuses. `more` and `files` are as for `spawn`."""
        self.refuse_twice(spec)
        return self._keep(spawn(spec, self.token, sink, more, files))

    def adopt(self, spec: Spec, pid: int, output: int, sink: Sink) -> Child:
        """Keep a process that was left to us, printing to `output`, as if we had started it. OrderError as `start`."""
        self.refuse_twice(spec)
        sink.begin(pid)
        return self._keep(Child(spec, pid, mark_for(self.token, spec), output, sink, start="warm"))

    def refuse_twice(self, spec: Spec) -> None:
        if spec.id in self.children:
            raise OrderError("exists", f"{spec.id} is already running")

    def _keep(self, child: Child) -> Child:
        self.children[child.spec.id] = self._by_pid[child.pid] = child
        self._loop.watch(child.output, READ, lambda: self._read(child))
        return child

    def end(self, child: Child, grace: float, then: Callable[[], None]) -> None:
        """SIGTERM now, SIGKILL after `grace` seconds, for all of it; `then` is called when nothing is left."""
        child.asked = True
        child.then.append(then)
        self._begin_ending(child, grace)

    def signal(self, child: Child, number: int) -> None:
        """To its first process only."""
        if child.status is None:
            os.kill(child.pid, number)

    def pids(self, child: Child) -> list[int]:
        """The processes of one start, that live now."""
        return [process.pid for process in self._members(proctable.snapshot(), child)]

    def reap(self) -> None:
        """Collect every process that ended, also those that were left to us."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                child = self._by_pid.pop(found[0], None)
                if child is not None:
                    with suppress(OSError):  # nothing can be seen for now; it is looked at again
                        self._ended(child, found[1])
        if self._endings:
            self._look()

    def kill_strays(self) -> bool:
        """SIGKILL what descends from us and belongs to no child; whether there was any."""
        strays = [process for process in proctable.snapshot().descendants(os.getpid()) if not process.zombie]
        for process in strays:
            proctable.send(process, signal.SIGKILL)
        return bool(strays)

    # --- the end ------------------------------------------------------------------------------------------------

    def _ended(self, child: Child, status: int) -> None:
        child.status = status
        child.ended_at = time.time()
        if child.spec.id not in self._endings:
            self._begin_ending(child, LEFTOVERS_GRACE)

    def _begin_ending(self, child: Child, grace: float) -> None:
        kill_at = time.monotonic() + grace
        ending = self._endings.get(child.spec.id)
        if ending is not None:
            ending.kill_at = min(ending.kill_at, kill_at)
            return
        self._endings[child.spec.id] = ending = Ending(child, kill_at, set())
        self._pause = _FIRST_LOOK
        self._look_later()
        left = self._members(proctable.snapshot(), child)
        ending.seen.update(process.name for process in left)
        for process in left:
            proctable.send(process, signal.SIGTERM)
            proctable.send(process, signal.SIGCONT)  # a stopped process hears SIGTERM only once it goes on
        self._judge(ending, left)

    def _look_later(self) -> None:
        if self._endings and not self._looking:
            self._looking = True
            self._loop.later(self._pause, self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        try:
            if self._endings:
                self._look()
        finally:  # without a file descriptor, nothing can be seen for now
            self._pause = min(_LONGEST_LOOK, self._pause * 1.5)
            self._look_later()

    def _look(self) -> None:
        table = proctable.snapshot()
        for ending in list(self._endings.values()):
            left = self._members(table, ending.child, ending.seen)
            ending.seen.update(process.name for process in left)
            self._judge(ending, left)

    def _judge(self, ending: Ending, left: list[Process]) -> None:
        child, late = ending.child, time.monotonic() - ending.kill_at
        if (not left and child.status is not None) or late > UNKILLABLE:
            self._over(child)
        elif late >= 0:
            for process in left:
                proctable.send(process, signal.SIGKILL)

    def _members(self, table: Table, child: Child, seen: Collection[tuple[int, str]] = ()) -> list[Process]:
        return proctable.members(table, os.getpid(), child.pid, child.mark, seen)

    def _over(self, child: Child) -> None:
        del self._endings[child.spec.id]
        del self.children[child.spec.id]
        if self._by_pid.get(child.pid) is child:  # else its pid is another child's by now
            del self._by_pid[child.pid]
        self._drain(child)
        self._gone(child)
        for then in child.then:
            then()

    # --- output -------------------------------------------------------------------------------------------------

    def _read(self, child: Child) -> None:
        if child.output < 0:
            return
        try:
            chunk = os.read(child.output, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self._close(child)
            return
        child.sink.feed(chunk)
        if child.sink.flooded:
            self._loop.unwatch(child.output)
            self._rest(child)

    def _rest(self, child: Child) -> None:
        if not child.resting:
            child.resting = True
            self._loop.later(_FLOOD_REST, lambda: self._wake(child))

    def _wake(self, child: Child) -> None:
        child.resting = False
        if child.output < 0:
            return
        child.sink.settle()
        self._loop.watch(child.output, READ, lambda: self._read(child))
        if child.sink.flooded:
            self._rest(child)

    def _drain(self, child: Child) -> None:
        for _ in range(_DRAIN_LIMIT // _CHUNK):
            if child.output < 0:
                break
            try:
                chunk = os.read(child.output, _CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                break
            child.sink.feed(chunk)
        self._close(child)
        child.sink.end()

    def _close(self, child: Child) -> None:
        if child.output >= 0:
            self._loop.unwatch(child.output)
            os.close(child.output)
            child.output = -1
