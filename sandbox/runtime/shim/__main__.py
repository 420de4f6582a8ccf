"""`python -m sandbox.runtime.shim SOCKET LOCK MARK`: take the lock, listen, go to the background, obey.

The command returns 0 once the socket answers, 3 when another shim has the lock, and 1 with a reason on stderr else.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from sandbox.runtime.shim.loop import READ, Loop
from sandbox.runtime.shim.orders import Shim
from sandbox.runtime.shim.server import Server, listen

LOCKED = 3

_SUBREAPER, _NAME = 36, 15  # prctl(2): PR_SET_CHILD_SUBREAPER, PR_SET_NAME
_GRACE = 10.0  # seconds services get when the shim itself is asked to end by SIGTERM


def main(arguments: list[str]) -> int:
    socket_path, lock_path, mark_path = arguments
    lock = take_lock(lock_path)
    if lock is None:
        return LOCKED
    try:
        token = os.urandom(16).hex()
        write_private(mark_path, json.dumps({"token": token}).encode())
        listening = listen(socket_path)
    except OSError as error:
        print(f"{socket_path}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        return 1
    if os.fork():
        os._exit(0)
    os.setsid()
    serve(listening, token, lambda: leave_nothing(lock_path, mark_path))
    return 0


def serve(listening: socket.socket, token: str, leave: Callable[[], None]) -> None:
    """Obey until told to end, then `leave` while clients are still connected: hanging up tells them it is done, so it
    is left to the kernel, which does it last."""
    become_reaper()
    loop = Loop()
    shim = Shim(loop, token)
    shim.clients = Server(loop, listening, shim.handle).clients
    hear_signals(loop, shim)
    loop.run()
    leave()
    os._exit(0)


def hear_signals(loop: Loop, shim: Shim) -> None:
    """Children start with every signal at its default, so nothing here may be ignored: only caught."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Popen takes care of these
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _wake)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def arrived() -> None:
        numbers = os.read(reading, 4096)
        shim.reap()
        if signal.SIGTERM in numbers:
            shim.shut_down(_GRACE)

    loop.watch(reading, READ, arrived)


def _wake(number: int, frame: FrameType | None) -> None:
    """The byte on the wake-up pipe says it all."""


def become_reaper() -> None:
    """Orphans of our descendants come to us instead of init. Where systems can't, ending goes by tree and session."""
    with suppress(Exception):
        import ctypes

        prctl = ctypes.CDLL(None).prctl
        prctl(_SUBREAPER, 1, 0, 0, 0)
        prctl(_NAME, b"sandbox-shim", 0, 0, 0)


def take_lock(path: str) -> int | None:
    """Held as long as we live. None when another shim holds it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(path)):  # noqa: PTH116
                return file
        os.close(file)  # an ending shim removed the file between our opening and locking it


def write_private(path: str, data: bytes) -> None:
    temporary = f"{path}.new"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(file, data)
    os.close(file)
    os.replace(temporary, path)  # noqa: PTH105


def leave_nothing(lock_path: str, mark_path: str) -> None:
    """Remove every socket and file of the run folder, whoever of ours made it: all of them are gone. The lock is the
    last: from then on there may be a new shim, with files of the same names."""
    run = os.path.dirname(lock_path)  # noqa: PTH120
    others = {os.path.join(run, name) for name in os.listdir(run)} - {lock_path}  # noqa: PTH118, PTH208
    for path in (*others, mark_path, lock_path):
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108
    with suppress(OSError):
        os.rmdir(run)  # noqa: PTH106


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
