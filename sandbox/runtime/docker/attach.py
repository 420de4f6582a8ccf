"""A command in a container on the user's own terminal: what `sandbox exec` becomes under the Docker runtime.

Run as `python -m sandbox.runtime.docker.attach ENDPOINT CONTAINER COMMAND…`. With a terminal the command gets one too,
of the same size; without, its output and errors stay apart. Needs no docker command.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from typing import Any

import docker
import requests
from docker.errors import DockerException

from sandbox.errors import SandboxError
from sandbox.runtime.docker.engine import explained
from sandbox.runtime.docker.stream import API, split

_BLOCK = 64 * 1024
_TERMINAL = ("TERM", "COLORTERM")
_HEADER = 8


def main(arguments: Sequence[str]) -> int:
    """The command's exit code."""
    url, container, *argv = arguments
    try:
        api = docker.APIClient(base_url=url, version="auto")
        return run(api, url, container, argv)
    except (DockerException, requests.RequestException, OSError) as error:
        failure: SandboxError = explained(error, container[:12])
        hint = f"hint: {failure.hint}\n" if failure.hint else ""
        sys.stderr.write(f"error: {failure}\n{hint}")
        return failure.exit_code


def run(api: Any, url: str, container: str, argv: Sequence[str]) -> int:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    given = {name: os.environ[name] for name in _TERMINAL if name in os.environ} if terminal else {}
    made = api.exec_create(container, list(argv), stdin=True, tty=terminal, environment=given)["Id"]
    with (
        _started(url, made, terminal) as (connection, first),
        _raw_terminal() if terminal else contextlib.nullcontext(),
        _resizing(api, made, terminal),
    ):
        _carry(connection, first, framed=not terminal)
    return int(api.exec_inspect(made)["ExitCode"] or 0)


@contextlib.contextmanager
def _started(url: str, made: str, terminal: bool) -> Iterator[tuple[socket.socket, bytes]]:
    """The connection to the command, and what it wrote already. The library's own way loses that."""
    body = json.dumps({"Detach": False, "Tty": terminal}).encode()
    head = f"POST /{API}/exec/{made}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
    upgrade = f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(url.removeprefix("unix://"))
        connection.sendall(f"{head}{upgrade}".encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = connection.recv(_BLOCK)
            if not data:
                raise requests.ConnectionError("the engine hung up")
            answer += data
        headers, _, first = answer.partition(b"\r\n\r\n")
        if headers.split(maxsplit=2)[1:2] not in ([b"101"], [b"200"]):
            raise DockerException(first.decode(errors="replace").strip() or "the engine refused to run it")
        yield connection, first


def _carry(connection: socket.socket, first: bytes, *, framed: bool) -> None:
    """Both ways until the command's side ends."""
    rest = _show(first) if framed else _write(1, first)
    with selectors.DefaultSelector() as waiting:
        waiting.register(connection, selectors.EVENT_READ, "out")
        with contextlib.suppress(PermissionError):  # a plain file is always ready, and epoll refuses it
            waiting.register(0, selectors.EVENT_READ, "in")
        if 0 not in waiting.get_map():
            _send_all(connection)
        while True:
            for key, _ in waiting.select():
                if key.data == "in":
                    _send(connection, waiting)
                    continue
                data = connection.recv(_BLOCK)
                if not data:
                    return
                rest = _show(rest + data) if framed else _write(1, data)


def _send(connection: socket.socket, waiting: selectors.BaseSelector) -> None:
    data = os.read(0, _BLOCK)
    if data:
        connection.sendall(data)
    else:
        waiting.unregister(0)
        connection.shutdown(socket.SHUT_WR)


def _send_all(connection: socket.socket) -> None:
    while data := os.read(0, _BLOCK):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def _show(data: bytes) -> bytes:
    """What is complete goes to standard output or error; what is not is kept."""
    start = 0
    messages, rest = split(data)
    for message in messages:
        _write(2 if data[start] == 2 else 1, message)
        start += _HEADER + len(message)
    return rest


def _write(file: int, data: bytes) -> bytes:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    return b""


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizing(api: Any, made: str, terminal: bool) -> Iterator[None]:
    def resize(*_: object) -> None:
        size = shutil.get_terminal_size()
        with contextlib.suppress(DockerException, requests.RequestException):
            api.exec_resize(made, height=size.lines, width=size.columns)

    if not terminal:
        yield
        return
    before = signal.signal(signal.SIGWINCH, resize)
    resize()
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
