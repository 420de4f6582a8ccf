"""Clients on the Unix socket: who they are, what they ask, what they are answered."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sandbox.runtime.shim.loop import READ, WRITE, Loop
from sandbox.runtime.shim.wire import LONGEST_ANSWER, LineBuffer, Message, OrderError, decode, encode

MOST_CLIENTS = 64
MOST_UNSENT = LONGEST_ANSWER
"""Bytes that may wait for a client before it is let go."""

_CHUNK = 64 * 1024


class Client:
    """One connection. `reply` and `tell` never block and never raise."""

    def __init__(
        self, loop: Loop, connection: socket.socket, handle: Handler, closed: Callable[[Client], None]
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._handle = handle
        self._closed = closed
        self._lines = LineBuffer()
        self._unsent = bytearray()
        self.roles: set[str] = set()  # subscribed to
        self.open = True
        connection.setblocking(False)
        loop.watch(connection.fileno(), READ, self._ready)

    def reply(self, order: Message, **answer: Any) -> None:
        self.tell({"seq": order.get("seq"), **answer})

    def refuse(self, order: Message, error: OrderError) -> None:
        self.reply(order, error={"code": error.code, "message": error.message})

    def tell(self, message: Message) -> None:
        if not self.open:
            return
        self._unsent += encode(message)
        self._send()

    def close(self) -> None:
        if self.open:
            self.open = False
            self._loop.unwatch(self._connection.fileno())
            self._connection.close()
            self._closed(self)

    def flush(self, patience: float) -> None:
        """Send the rest, waiting for the client; the last thing before we end."""
        if self.open:
            with suppress(OSError):
                self._connection.settimeout(patience)
                self._connection.sendall(self._unsent)

    def _ready(self) -> None:
        if self._unsent:
            self._send()
        if self.open:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        try:
            lines = self._lines.feed(data)
        except OrderError as error:
            self.refuse({}, error)
            self.close()
            return
        for line in lines:
            self._obey(line)

    def _obey(self, line: bytes) -> None:
        order: Message = {}
        try:
            order = decode(line)
            self._handle(self, order)
        except OrderError as error:
            self.refuse(order, error)
        except OSError as error:  # such as no file descriptor left: whoever asked must not wait for an answer
            self.refuse(
                order, OrderError(errno.errorcode.get(error.errno or 0, "failed"), error.strerror or str(error))
            )

    def _send(self) -> None:
        try:
            del self._unsent[: self._connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if len(self._unsent) > MOST_UNSENT:
            self.close()
            return
        self._loop.watch(self._connection.fileno(), READ | WRITE if self._unsent else READ, self._ready)


Handler = Callable[[Client, Message], None]


class Server:
    """Accepts connections of our own user only."""

    def __init__(self, loop: Loop, listening: socket.socket, handle: Handler) -> None:
        self._loop = loop
        self._listening = listening
        self._handle = handle
        self.clients: list[Client] = []
        listening.setblocking(False)
        self._accept_again()

    def _accept_again(self) -> None:
        self._loop.watch(self._listening.fileno(), READ, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:
            return
        except OSError:  # out of file descriptors: trying again at once would spin
            self._loop.unwatch(self._listening.fileno())
            self._loop.later(1.0, self._accept_again)
            return
        if len(self.clients) >= MOST_CLIENTS or peer_uid(connection) not in (None, os.getuid()):
            connection.close()
            return
        self.clients.append(Client(self._loop, connection, self._handle, self.clients.remove))


def listen(path: str) -> socket.socket:
    """A listening socket that only our user may connect to. Replaces what a dead shim left there."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(path)
    finally:
        os.umask(mask)
    listening.listen(MOST_CLIENTS)
    return listening


def peer_uid(connection: socket.socket) -> int | None:
    """Who connected. None where the system does not tell; the socket's mode then has to do."""
    if sys.platform != "linux":
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])
