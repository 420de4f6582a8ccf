"""Zygotes, which fork what they are asked for instead of our starting it, and the children that they hand over.

A zygote (`sandbox.runtime.zygote`) has one end of a socket pair. It says `here` when it was caught on its way into the
user's program, then `ready`, or `doubt MODULE<tab>WHY` and ends. A start is one byte with three files: what to become,
the output, and a socket on which the child says its pid, or `!WHY`, and waits for our word. By then the process
between it and the zygote has ended and it is our own child, so that we reap it like any other.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress

from sandbox.runtime.shim.child import Child, Sink, Spec, mark_for, output_pipe
from sandbox.runtime.shim.family import Family
from sandbox.runtime.shim.loop import READ, Loop
from sandbox.runtime.shim.proctable import MARK, parent_of
from sandbox.runtime.shim.wire import LineBuffer, OrderError

LINE = "SANDBOX_ZYGOTE"
"""The variable that holds the number of the zygote's end."""

HERE_WITHIN = 5.0
"""Seconds after which a program that has not said `here` is taken for one that runs, and ended."""

READY_WITHIN = 60.0
CHILD_WITHIN = 3.0

Told = Callable[[str | OrderError], None]
Forked = Callable[[Child | OrderError], None]


class Zygote:
    """The shim's end of the line to one. `told` hears once: `ready`, `doubt …` or why it is neither."""

    def __init__(self, loop: Loop, family: Family, spec: Spec, sink: Sink, told: Told) -> None:
        self._loop = loop
        self._family = family
        self._told: Told | None = told
        self._lines = LineBuffer()
        self.ready = False
        self._line, theirs = socket.socketpair()
        self._line.setblocking(False)
        number = theirs.fileno()
        os.set_inheritable(number, True)
        try:
            self.child = family.start(spec, sink, {LINE: str(number)}, (number,))
        except OrderError:
            self._line.close()
            raise
        finally:
            theirs.close()
        loop.watch(self._line.fileno(), READ, self._hear)
        self._late = loop.later(HERE_WITHIN, self._escaped)

    def fork(self, spec: Spec, sink: Sink, forked: Forked) -> None:
        """`forked` hears of the child, now or later, or why there is none. OrderError when it can't be asked."""
        if not self.ready:
            raise OrderError("not_ready", "the zygote is not ready")
        Birth(self._loop, self._family, spec, sink, forked).ask(self._line, self.child.spec)

    def close(self) -> None:
        if self._line.fileno() >= 0:
            self._loop.unwatch(self._line.fileno())
            self._line.close()
            self.ready = False
            self._tell(OrderError("not_ready", "the zygote ended before it was ready"))

    def _hear(self) -> None:
        try:
            data = self._line.recv(4096)
            lines = self._lines.feed(data)
        except BlockingIOError:
            return
        except (OSError, OrderError):
            data, lines = b"", []
        for line in lines:
            self._obey(line.decode("utf-8", "replace"))
        if not data:
            self.close()

    def _obey(self, line: str) -> None:
        self._late.cancel()
        if line == "here":
            self._late = self._loop.later(READY_WITHIN, self._too_late)
            return
        self.ready = line == "ready"
        self._tell(line)

    def _escaped(self) -> None:
        self._tell(OrderError("not_held", "the program runs instead of waiting"))
        self._family.end(self.child, 0.0, lambda: None)

    def _too_late(self) -> None:
        self._family.end(self.child, 0.0, lambda: None)

    def _tell(self, what: str | OrderError) -> None:
        self._late.cancel()
        told, self._told = self._told, None
        if told is not None:
            told(what)


class Birth:
    """One start, from the question to a child of ours."""

    def __init__(self, loop: Loop, family: Family, spec: Spec, sink: Sink, forked: Forked) -> None:
        self._loop = loop
        self._family = family
        self._spec = spec
        self._sink = sink
        self._forked = forked
        self._output, self._writing = output_pipe()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)

    def ask(self, line: socket.socket, was: Spec) -> None:
        """OrderError when the zygote can't be reached."""
        mark = mark_for(self._family.token, self._spec)
        try:
            request = write_request(self._spec, {**self._spec.env, MARK: mark}, was)
            try:
                socket.send_fds(line, [b"s"], [request, self._writing, self._theirs.fileno()])
            finally:
                os.close(request)
        except OSError as error:
            self._close(output=True)
            raise OrderError("not_warm", f"the zygote can't be reached: {error.strerror or error}") from None
        finally:
            os.close(self._writing)
            self._theirs.close()
        self._loop.watch(self._ours.fileno(), READ, self._answered)
        self._late = self._loop.later(CHILD_WITHIN, lambda: self._refuse("the zygote does not answer"))

    def _answered(self) -> None:
        try:
            answer = self._ours.recv(4096).decode("utf-8", "replace")
        except BlockingIOError:
            return
        except OSError:
            answer = ""
        if not answer.isdigit():
            self._refuse(answer.removeprefix("!") or "the zygote ended")
        elif parent_of(int(answer)) != os.getpid():
            self._refuse("the child was not left to us")
        else:
            self._take(int(answer))

    def _take(self, pid: int) -> None:
        try:
            child = self._family.adopt(self._spec, pid, self._output, self._sink)
        except OrderError as error:
            self._refuse(error.message, error.code)
            return
        with suppress(OSError):  # a child that was killed meanwhile is reaped like any other
            self._ours.send(b"g")
        self._close(output=False)
        self._forked(child)

    def _refuse(self, why: str, code: str = "not_warm") -> None:
        self._close(output=True)
        self._forked(OrderError(code, why))

    def _close(self, *, output: bool) -> None:
        if hasattr(self, "_late"):
            self._late.cancel()
        self._loop.unwatch(self._ours.fileno())
        self._ours.close()
        if output:
            os.close(self._output)


def write_request(spec: Spec, env: dict[str, str], was: Spec) -> int:
    """A file in memory, its parts between NULs: folder, arguments and environment of the start, then those that the
    zygote was given, the lists after their lengths."""
    words: list[str] = []
    for cwd, argv, variables in ((spec.cwd, spec.argv, env), (was.cwd, was.argv, was.env)):
        pairs = [f"{name}={value}" for name, value in variables.items()]
        words += [cwd, str(len(argv)), *argv, str(len(pairs)), *pairs]
    file = os.memfd_create("start", os.MFD_CLOEXEC)
    data = b"\0".join(map(os.fsencode, words))
    while data:
        data = data[os.write(file, data) :]
    return file
