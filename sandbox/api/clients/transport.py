"""How a client of ours asks over the project's Unix socket, and what goes wrong with that in plain words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from sandbox import __version__
from sandbox.api import http1
from sandbox.api.errors import ErrorAnswer, VersionMismatchError, from_answer
from sandbox.api.shapes import INTENT_HEADER, KEEP_ALIVE, LOOK_HEADER, VERSION_HEADER, Dropped
from sandbox.errors import NotRunningError, SandboxError

_PATIENCE = 60.0
"""Seconds without a sign of life before the supervisor counts as stuck."""
_STREAM_PATIENCE = 6 * KEEP_ALIVE

T = TypeVar("T")
Parameters = Iterable[tuple[str, Any]]


class Transport:
    """Every request has a connection of its own, so one client can ask several things at once.

    NotRunningError when nobody listens, or stops to in the middle; VersionMismatchError when the supervisor is of
    another version, where `any_version` does not allow it.
    """

    def __init__(self, path: Path, *, looks_only: bool = False) -> None:
        self._path = path
        self._headers = {INTENT_HEADER: "1", **({LOOK_HEADER: "1"} if looks_only else {})}

    async def get(self, target: str, shape: type[T], parameters: Parameters = ()) -> T:
        """The answer as `shape`."""
        async with self._ask("GET", _with_query(target, parameters)) as response:
            return decode(await response.body(), shape)

    async def send(self, method: str, target: str, body: object = None, *, any_version: bool = False) -> bytes:
        content = b"" if body is None else msgspec.json.encode(body)
        async with self._ask(method, target, content, any_version=any_version) as response:
            return await response.body()

    async def ask_for(self, method: str, target: str, shape: type[T], body: object = None) -> T:
        """Something changes; the answer as `shape`."""
        return decode(await self.send(method, target, body), shape)

    async def stream(self, target: str, parameters: Parameters, shape: type[T]) -> AsyncGenerator[T | Dropped, None]:
        decoder = msgspec.json.Decoder(shape)
        async with self._ask("GET", _with_query(target, parameters), patience=_STREAM_PATIENCE) as response:
            async for line in response.lines():
                if line.startswith(b'{"error":'):
                    raise from_answer(decode(line, ErrorAnswer))
                if line.startswith(b'{"dropped":'):
                    yield decode(line, Dropped)
                else:
                    yield decoder.decode(line)

    @asynccontextmanager
    async def _ask(
        self, method: str, target: str, body: bytes = b"", *, patience: float = _PATIENCE, any_version: bool = False
    ) -> AsyncIterator[http1.Response]:
        headers = {**self._headers, **({"Content-Type": "application/json"} if body else {})}
        with self._plain_errors():
            async with http1.exchange(
                self._path, method, target, headers=headers, body=body, patience=patience
            ) as response:
                if not any_version:
                    _check_version(response)
                if response.status >= 400:
                    raise from_answer(decode(await response.body(), ErrorAnswer))
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
            raise SandboxError(
                f"can't talk to the supervisor: {error.strerror or error}",
                place=place,
                hint="run: sandbox doctor; if that finds nothing: sandbox down && sandbox up",
            ) from None


def _check_version(response: http1.Response) -> None:
    theirs = response.headers.get(VERSION_HEADER.lower())
    if theirs != __version__:
        raise VersionMismatchError(
            f"the supervisor is of version {theirs or 'unknown'}, this is {__version__}",
            hint="run: sandbox down && sandbox up",
        )


def decode(data: bytes, shape: type[T]) -> T:
    """SandboxError when it is nothing of the kind."""
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.DecodeError as error:
        raise SandboxError(
            f"can't read the supervisor's answer: {error}", hint="run: sandbox down && sandbox up"
        ) from None


def parameters(query: object) -> Iterator[tuple[str, Any]]:
    """Of a frozen dataclass: each field that is not its default; lists are repeated, and true is 1."""
    for field in fields(query):  # type: ignore[arg-type]
        value = getattr(query, field.name)
        if value == field.default or value is None:
            continue
        for one in value if isinstance(value, tuple) else (value,):
            yield field.name, int(one) if isinstance(one, bool) else one


def _with_query(target: str, parameters: Parameters) -> str:
    query = urlencode(list(parameters))
    return f"{target}?{query}" if query else target
