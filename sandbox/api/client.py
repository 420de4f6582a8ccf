"""A Control at the other end of the project's Unix socket, for the command line and the terminal UI."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from sandbox import __version__
from sandbox.api import http1
from sandbox.api.errors import ErrorAnswer, VersionMismatchError, from_answer
from sandbox.api.shapes import (
    INTENT_HEADER,
    KEEP_ALIVE,
    VERSION_HEADER,
    Dropped,
    ExecRequest,
    LoginLink,
    ReloadRequest,
    ScaleRequest,
    ServicesRequest,
    WatchRequest,
)
from sandbox.control import (
    Control,
    ExecSpec,
    LogLine,
    LogQuery,
    ProjectStatus,
    ReloadTicket,
    TelemetrySnapshot,
    UpRequest,
)
from sandbox.errors import NotRunningError, SandboxError
from sandbox.events import Event, Kind, Severity

_PATIENCE = 60.0
"""Seconds without a sign of life before the supervisor counts as stuck."""
_STREAM_PATIENCE = 6 * KEEP_ALIVE

T = TypeVar("T")


class Client(Control):
    """Every request has a connection of its own, so one client can ask several things at once.

    NotRunningError when nobody listens, or stops to in the middle; VersionMismatchError when the supervisor is of
    another version, except for `down`, which is the way out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is kept open between requests."""

    # --- Control -------------------------------------------------------------------------------------------------

    async def status(self) -> ProjectStatus:
        return await self._get("/api/status", ProjectStatus)

    async def telemetry(self) -> TelemetrySnapshot:
        return await self._get("/api/telemetry", TelemetrySnapshot)

    async def events(self, *, after: int = 0, follow: bool = False) -> AsyncGenerator[Event, None]:
        """With an event of kind `notice` where some are missing because this reader was too slow."""
        sequence = after
        async for event in self._stream("/api/events", [("after", after), *_flag("follow", follow)], Event):
            if isinstance(event, Dropped):
                yield _dropped_events(event.dropped, sequence)
            else:
                sequence = event.sequence
                yield event

    async def logs(self, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        async for line in self._stream("/api/logs", list(_log_parameters(query)), LogLine):
            if not isinstance(line, Dropped):
                yield line

    async def start(self, services: Sequence[str] = ()) -> None:
        await self._send("POST", "/api/start", ServicesRequest(tuple(services)))

    async def stop(self, services: Sequence[str] = ()) -> None:
        await self._send("POST", "/api/stop", ServicesRequest(tuple(services)))

    async def restart(self, services: Sequence[str] = ()) -> None:
        await self._send("POST", "/api/restart", ServicesRequest(tuple(services)))

    async def scale(self, service: str, replicas: int, version: str | None = None) -> None:
        await self._send("PUT", f"/api/services/{quote(service, safe='')}/scale", ScaleRequest(replicas, version))

    async def reload(self, service: str, version: str | None = None) -> ReloadTicket:
        target = f"/api/services/{quote(service, safe='')}/reload"
        return _decode(await self._send("POST", target, ReloadRequest(version)), ReloadTicket)

    async def watch(self, on: bool) -> None:
        await self._send("PUT", "/api/watch", WatchRequest(on))

    async def down(self) -> None:
        await self._send("POST", "/api/down", any_version=True)

    async def apply(self, request: UpRequest) -> None:
        await self._send("PUT", "/api/project", request)

    async def exec_spec(self, target: str, argv: Sequence[str]) -> ExecSpec:
        answer = await self._send("POST", "/api/exec", ExecRequest(target, tuple(argv)))
        return _decode(answer, ExecSpec)

    # --- beyond Control ------------------------------------------------------------------------------------------

    async def login_link(self) -> str:
        """A link that opens the status page once."""
        return _decode(await self._send("POST", "/api/login-link"), LoginLink).url

    # --- inside --------------------------------------------------------------------------------------------------

    async def _get(self, target: str, shape: type[T]) -> T:
        async with self._ask("GET", target) as response:
            return _decode(await response.body(), shape)

    async def _send(self, method: str, target: str, body: object = None, *, any_version: bool = False) -> bytes:
        content = b"" if body is None else msgspec.json.encode(body)
        async with self._ask(method, target, content, any_version=any_version) as response:
            return await response.body()

    async def _stream(
        self, target: str, parameters: list[tuple[str, Any]], shape: type[T]
    ) -> AsyncIterator[T | Dropped]:
        decoder = msgspec.json.Decoder(shape)
        query = urlencode(parameters)
        async with self._ask("GET", f"{target}?{query}", patience=_STREAM_PATIENCE) as response:
            async for line in response.lines():
                if line.startswith(b'{"error":'):
                    raise from_answer(_decode(line, ErrorAnswer))
                if line.startswith(b'{"dropped":'):
                    yield _decode(line, Dropped)
                else:
                    yield decoder.decode(line)

    @asynccontextmanager
    async def _ask(
        self, method: str, target: str, body: bytes = b"", *, patience: float = _PATIENCE, any_version: bool = False
    ) -> AsyncIterator[http1.Response]:
        headers = {INTENT_HEADER: "1", **({"Content-Type": "application/json"} if body else {})}
        with self._plain_errors():
            async with http1.exchange(
                self._path, method, target, headers=headers, body=body, patience=patience
            ) as response:
                if not any_version:
                    _check_version(response)
                if response.status >= 400:
                    raise from_answer(_decode(await response.body(), ErrorAnswer))
                yield response

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        place = str(self._path)
        try:
            yield
        except TimeoutError:
            raise SandboxError("the supervisor does not answer", place=place, hint="run: sandbox down") from None
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError("is not running", hint="run: sandbox up") from None
        except (ConnectionError, http1.BrokenOff):
            raise NotRunningError("the supervisor went away", hint="run: sandbox up") from None
        except OSError as error:
            raise SandboxError(f"can't talk to the supervisor: {error.strerror or error}", place=place) from None


def _check_version(response: http1.Response) -> None:
    theirs = response.headers.get(VERSION_HEADER.lower())
    if theirs != __version__:
        raise VersionMismatchError(
            f"the supervisor is of version {theirs or 'unknown'}, this is {__version__}",
            hint="run: sandbox down && sandbox up",
        )


def _decode(data: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.DecodeError as error:
        raise SandboxError(
            f"can't read the supervisor's answer: {error}", hint="run: sandbox down && sandbox up"
        ) from None


def _log_parameters(query: LogQuery) -> Iterator[tuple[str, Any]]:
    for service in query.services:
        yield "service", service
    for name in ("tail", "since", "until"):
        if (value := getattr(query, name)) is not None:
            yield name, value
    yield from _flag("follow", query.follow)


def _flag(name: str, on: bool) -> list[tuple[str, Any]]:
    return [(name, 1)] if on else []


def _dropped_events(count: int, sequence: int) -> Event:
    message = f"{count} events were missed here: this reader was too slow"
    return Event(kind=Kind.NOTICE, severity=Severity.WARNING, message=message, sequence=sequence)
