"""A command in a container on the user's own terminal: what `sandbox exec` becomes under the Docker runtime.

Run as `python -m sandbox.runtime.docker.attach ENDPOINT CONTAINER COMMAND…`. With a terminal the command gets one too,
of the same size; without, its output and errors stay apart. Needs no docker command.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import termios
import time
import tty
from collections.abc import Iterator, Sequence
from typing import Any

import docker
import requests
from docker.errors import DockerException

from sandbox.errors import SandboxError
from sandbox.runtime.docker.engine import explained, refusal
from sandbox.runtime.docker.program import REFUSED, not_started
from sandbox.runtime.docker.stream import STDOUT, split

_BLOCK = 64 * 1024
_TERMINAL = ("TERM", "COLORTERM")
_POLL = 0.01
_INTERRUPTED = 128 + signal.SIGINT
_NOBODY_READS = 128 + signal.SIGPIPE


def main(arguments: Sequence[str]) -> int:
    """The command's exit code."""
    url, container, *argv = arguments
    _open_what_is_closed()
    try:
        api = docker.APIClient(base_url=url, version="auto")
        return run(api, url, container, argv)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return _NOBODY_READS
    except SandboxError as error:
        failure = error
    except (DockerException, requests.RequestException, OSError) as error:
        failure = explained(error, container[:12])
    hint = f"hint: {failure.hint}\n" if failure.hint else ""
    sys.stderr.write(f"error: {failure}\n{hint}")
    return failure.exit_code


def _open_what_is_closed() -> None:
    """Or the next thing that is opened would be taken for standard input."""
    for file in (0, 1, 2):
        try:
            os.fstat(file)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def run(api: Any, url: str, container: str, argv: Sequence[str]) -> int:
    terminal = os.isatty(0) and os.isatty(1)
    given = {name: os.environ[name] for name in _TERMINAL if name in os.environ} if terminal else {}
    made = api.exec_create(container, list(argv), stdin=True, tty=terminal, environment=given)["Id"]
    output = _Output(framed=not terminal)
    with (
        _started(api, url, made, terminal) as (connection, first),
        _raw_terminal() if terminal else contextlib.nullcontext(),
        _resizing(api, made, terminal),
    ):
        output.take(first)
        _carry(connection, output)
    if output.refusal:
        raise not_started(output.refusal, argv[0], container[:12])
    return _exit_code(api, made)


def _exit_code(api: Any, made: str) -> int:
    """The engine closes the output of a command a moment before it knows how it ended."""
    while (found := api.exec_inspect(made))["Running"]:
        time.sleep(_POLL)
    return int(found["ExitCode"] or 0)


@contextlib.contextmanager
def _started(api: Any, url: str, made: str, terminal: bool) -> Iterator[tuple[socket.socket, bytes]]:
    """The connection to the command, and what it wrote already. The library's own way loses that."""
    body = json.dumps({"Detach": False, "Tty": terminal}).encode()
    head = f"POST /v{api.api_version}/exec/{made}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
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
        status = int(headers.split(maxsplit=2)[1])
        if status not in (101, 200):
            raise refusal(status, _message(first), "exec")
        connection.setblocking(False)
        yield connection, first


def _message(body: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["message"])
    return body.decode(errors="replace").strip() or "the engine refused to run it"


def _carry(connection: socket.socket, output: _Output) -> None:
    """Both ways until the command's side ends. Neither waits for the other: each could be full."""
    typed, engine = _Input(connection), connection.fileno()
    while True:
        readable, writable, _ = select.select([engine, *typed.sources()], [engine] if typed.pending else [], [])
        if 0 in readable:
            typed.read()
        if writable:
            typed.send()
        if engine in readable:
            data = connection.recv(_BLOCK)
            if not data:
                return
            output.take(data)


class _Input:
    """Standard input on its way to the command."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._open = True
        self.pending = b""

    def sources(self) -> list[int]:
        return [0] if self._open and not self.pending else []

    def read(self) -> None:
        try:
            self.pending = os.read(0, _BLOCK)
        except OSError:  # a terminal that was hung up
            self.pending = b""
        if not self.pending:
            self._open = False
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)

    def send(self) -> None:
        try:
            self.pending = self.pending[self._connection.send(self.pending) :]
        except (BrokenPipeError, ConnectionResetError):  # the command reads no more
            self.pending, self._open = b"", False


class _Output:
    """What the command writes, on its way to standard output and error."""

    def __init__(self, *, framed: bool) -> None:
        self._framed = framed
        self._rest = b""
        self._silent = True
        self.refusal = ""  # the engine's words where the command did not start

    def take(self, data: bytes) -> None:
        if not self._framed:
            self._show(STDOUT, data)
            return
        messages, self._rest = split(self._rest + data)
        for output, message in messages:
            self._show(output, message)

    def _show(self, file: int, data: bytes) -> None:
        if self._silent and data.startswith(REFUSED):
            self.refusal = data.decode(errors="replace").strip()
            return
        self._silent = self._silent and not data
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]


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
        with contextlib.suppress(OSError, DockerException, requests.RequestException):
            size = os.get_terminal_size(0)
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
