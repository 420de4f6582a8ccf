"""Talking to the shim: `ShimClient` for the supervisor, `shut_down` for a command line that finds no supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from sandbox.errors import NotRunningError, RuntimeFailure
from sandbox.runtime.base import Exit, Running
from sandbox.runtime.shim.wire import LONGEST_ANSWER, LineBuffer, Message, encode
from sandbox.tasks import Tasks

Role = Literal["service", "proxy", "daemon", "zygote"]
"""What a process is to the project; a shutdown ends them in this order."""

_ANSWER_WITHIN = 10.0  # seconds for orders that the shim answers at once
_LOOPBACK = "127.0.0.1"
_ZYGOTE_LOG = 256 * 1024  # bytes


class ShimRefusal(RuntimeFailure):
    """The shim could not do what it was asked. `errno_name` is the system's word (ENOENT) or one of the shim's:
    exists, unknown, closing, bad_order."""

    def __init__(self, errno_name: str, message: str) -> None:
        super().__init__(message)
        self.errno_name = errno_name


class ShimLost(RuntimeFailure):
    """The connection ended: the shim is gone, and with it the parent of everything that ran."""

    code = "shim_lost"

    def __init__(self) -> None:
        super().__init__(
            "the process that keeps the services (the shim) is gone", hint="run: sandbox down, then sandbox up"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A process as the shim lists it. `pid` is None while a daemon waits to be started again."""

    id: str
    role: str
    state: str  # running | ending | backoff
    pid: int | None
    started_at: float  # seconds since the epoch; 0 in backoff
    written: int  # bytes of output, of which
    dropped: int  # so many were not kept
    restarts: int
    start: str  # cold | warm
    cwd: str | None
    env: Mapping[str, str] | None  # None unless asked for


class ShimClient:
    """One connection. Every method raises ShimLost once it is gone, and ShimRefusal when the shim says no."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._exits: dict[str, asyncio.Queue[Message | None]] = {}
        self._lost = asyncio.Event()
        self._tasks = Tasks()
        self._tasks.spawn(self._receive(), name="hear the shim")

    @classmethod
    async def connect(cls, path: Path) -> ShimClient:
        """NotRunningError when no shim answers there."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=LONGEST_ANSWER)
        except OSError as error:
            raise NotRunningError(f"no shim answers at {path}: {error.strerror or error}") from None
        return cls(reader, writer)

    async def close(self) -> None:
        """Let go; what runs goes on."""
        await self._tasks.close()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        self._end()

    async def lost(self) -> None:
        """Return once the connection is gone."""
        await self._lost.wait()

    # --- orders -------------------------------------------------------------------------------------------------

    async def ping(self) -> int:
        """The shim's pid."""
        return int((await self._ask("ping"))["pid"])

    async def start(
        self,
        id: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: Path,
        log_max_bytes: int = 16 * 1024 * 1024,
        role: Role = "service",
        restart: bool = False,
    ) -> Running:
        """Start a process in a session of its own. `env` is its whole environment.

        With `restart` the shim starts it again, ever more slowly, whenever it ends unasked.
        """
        answer = await self._ask(
            "start",
            id=id,
            argv=list(argv),
            cwd=str(cwd),
            env=dict(env),
            log=str(log),
            log_max_bytes=log_max_bytes,
            role=role,
            restart=restart,
        )
        return _running(id, answer)

    async def zygote(self, id: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> str:
        """Start one (see `sandbox.runtime.zygote`): `ready`, or `doubt MODULE<tab>WHY` from one that gave up.

        ShimRefusal `not_ready` when it ended without a word or took too long.
        """
        answer = await self._ask(
            "zygote",
            None,
            id=id,
            argv=list(argv),
            cwd=str(cwd),
            env=dict(env),
            log=str(log),
            log_max_bytes=_ZYGOTE_LOG,
        )
        return str(answer["says"])

    async def fork(
        self,
        zygote: str,
        id: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: Path,
        log_max_bytes: int,
    ) -> Running:
        """As `start`, by forking a zygote. ShimRefusal `not_ready` when it can't be asked now, and `not_warm` with
        the reason when a start would be something else than what it has prepared."""
        answer = await self._ask(
            "fork",
            zygote=zygote,
            id=id,
            argv=list(argv),
            cwd=str(cwd),
            env=dict(env),
            log=str(log),
            log_max_bytes=log_max_bytes,
        )
        return _running(id, answer)

    async def seen(self, id: str, folders: Sequence[str]) -> tuple[str, ...]:
        """Files of Python modules below `folders` that the instance has loaded, relative to these."""
        answer = await self._ask("seen", 60.0, id=id, folders=list(folders))
        return tuple(answer["files"])

    async def stop(self, id: str, grace: float) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds; returns when it and all its descendants are gone."""
        await self._ask("stop", None, id=id, grace=grace)

    async def signal(self, id: str, number: int) -> None:
        """To its first process. ShimRefusal `unknown` when it does not run."""
        await self._ask("signal", id=id, signal=int(number))

    async def list(self, *, environment: bool = False) -> tuple[Kept, ...]:
        answer = await self._ask("list", environment=environment)
        return tuple(_kept(described) for described in answer["processes"])

    async def run(
        self,
        argv: Sequence[str],
        timeout: float,
        *,
        within: str | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run a command, in the folder and environment of the process `within` or in given ones: exit code and the
        last 4 KiB of output. TimeoutError when it took longer and was killed."""
        place = {"within": within} if within is not None else {"cwd": str(cwd), "env": dict(env or {})}
        name = f"command/{uuid4().hex}"
        try:
            answer = await self._ask("run", timeout + 30, id=name, argv=list(argv), timeout=timeout, **place)
        except asyncio.CancelledError:
            self._post("stop", id=name, grace=0)
            raise
        if answer.get("timeout"):
            raise TimeoutError(f"{argv[0]} took longer than {timeout:g} s")
        return answer["code"], answer["output"]

    async def exits(self, role: Role) -> AsyncIterator[Exit]:
        """Every end of a process of this role, once each and in order, from those nobody has heard of yet.

        One that is being handled when the consumer dies is told again to the next. Raises ShimLost at the end.
        """
        async for message in self.subscription(await self.subscribe(role)):
            yield message

    async def subscribe(self, role: Role) -> Role:
        """Begin to receive the ends of processes of this role."""
        self._exits[role] = asyncio.Queue()
        await self._ask("subscribe", role=role)
        return role

    async def subscription(self, role: Role) -> AsyncIterator[Exit]:
        queue = self._exits[role]
        while (message := await queue.get()) is not None:
            yield _exit(message)
            self._post("heard", role=role, number=message["number"])
        raise ShimLost

    async def shut_down(self, grace: float) -> None:
        """End everything that runs, the shim last. A daemon that asks this gets SIGTERM before the answer."""
        await self._ask("shutdown", None, grace=grace)
        await self._lost.wait()

    # --- the connection -----------------------------------------------------------------------------------------

    async def _ask(self, order: str, limit: float | None = _ANSWER_WITHIN, **fields: Any) -> Message:
        if self._lost.is_set():
            raise ShimLost
        number = self._post(order, **fields)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(limit):
                message = await answer
        except TimeoutError:
            raise RuntimeFailure(f"the shim has not answered within {limit:g} s", place=order) from None
        finally:
            self._waiting.pop(number, None)
        if (error := message.get("error")) is not None:
            raise ShimRefusal(error["code"], error["message"])
        return message

    def _post(self, order: str, **fields: Any) -> int:
        number = next(self._numbers)
        if not self._lost.is_set():
            self._writer.write(encode({"seq": number, "order": order, **fields}))
        return number

    async def _receive(self) -> None:
        try:
            while line := await self._reader.readline():
                self._hear(json.loads(line))
        except (OSError, ValueError):
            pass
        finally:
            self._end()

    def _hear(self, message: Message) -> None:
        if "exit" in message:
            exit = message["exit"]
            if (queue := self._exits.get(exit["role"])) is not None:
                queue.put_nowait(exit)
            return
        waiting = self._waiting.pop(message.get("seq") or 0, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _end(self) -> None:
        self._lost.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ShimLost())
        self._waiting.clear()
        for queue in self._exits.values():
            queue.put_nowait(None)


def _running(id: str, answer: Message) -> Running:
    return Running(
        id=id,
        pid=answer["pid"],
        container=None,
        started_at=answer["started_at"],
        host=_LOOPBACK,
        start=answer["start"],
    )


def _kept(described: Message) -> Kept:
    return Kept(
        id=described["id"],
        role=described["role"],
        state=described["state"],
        pid=described["pid"],
        started_at=described.get("started_at", 0.0),
        written=described.get("written", 0),
        dropped=described.get("dropped", 0),
        restarts=described.get("restarts", 0),
        start=described.get("start", "cold"),
        cwd=described.get("cwd"),
        env=described.get("env"),
    )


def _exit(message: Message) -> Exit:
    return Exit(
        id=message["id"],
        pid=message["pid"],
        code=message["code"],
        signal=message["signal"],
        at=message["at"],
        reason=message["reason"],
    )


def answers(path: Path) -> bool:
    """Whether a shim listens there."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2.0)
        try:
            return "pid" in _ask_once(connection, path, {"order": "ping"})
        except OSError:
            return False


def shut_down(path: Path, grace: float) -> None:
    """What `down` does when the supervisor is gone: end everything, and return once nothing is left.

    NotRunningError when no shim answers; RuntimeFailure when it does not finish.
    """
    limit = 2 * grace + 60.0
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(limit)
        try:
            answer = _ask_once(connection, path, {"order": "shutdown", "grace": grace})
            while "error" not in answer and connection.recv(65536):
                pass  # it hangs up when its own files are gone too
        except ConnectionResetError:
            return
        except TimeoutError:
            raise RuntimeFailure(f"the shim has not ended everything within {limit:g} s", place=str(path)) from None
        except OSError as error:
            raise NotRunningError(f"no shim answers at {path}: {error.strerror or error}") from None


def _ask_once(connection: socket.socket, path: Path, order: Message) -> Message:
    connection.connect(str(path))
    connection.sendall(encode(order))
    lines = LineBuffer()
    while data := connection.recv(65536):
        for line in lines.feed(data):
            answer: Message = json.loads(line)
            return answer
    raise ConnectionAbortedError("the shim hung up")
