"""The engine's endless answers (events, logs, what commands write), read on the event loop.

The library would take a thread for each and could not be interrupted. aiohttp is imported when the first one is asked
for, by a thread: it takes a while, in which the engine can be asked other things.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

_LONGEST_EVENT = 1024 * 1024
_FRAME_HEADER = 8
"""Stream number, three zeros, big-endian length (API: ContainerAttach, "Stream format")."""


Message = tuple[int, bytes]
"""The number of an output, and what was written to it. The order of what came by different outputs is not kept."""

STDOUT, STDERR = 1, 2


class StreamBroken(OSError):
    """The engine broke it off, or does not speak HTTP."""


class StreamRefused(StreamBroken):
    """The engine answered with an error: `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Streams:
    """Raises OSError, the two above among them, when the engine goes away. `version` is the API's: newer engines refuse
    the older ones."""

    def __init__(self, socket: Path, version: str) -> None:
        self._url = f"http://docker/v{version}"
        self._socket = socket
        self._opened: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        async with self._opening:
            if self._opened is not None:
                await self._opened.close()

    @asynccontextmanager
    async def events(self, filters: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Every event from now on: none that comes after entering is missed."""
        query = {"filters": json.dumps(filters)}
        async with self._ask("GET", "/events", params=query) as response:
            yield _events(response)

    async def execute(self, made: str) -> AsyncIterator[Message]:
        """Run a command that was made before: each message it writes, until it ends."""
        start = {"Detach": False, "Tty": False}
        async with self._ask("POST", f"/exec/{made}/start", json=start) as response:
            async for message in _messages(response):
                yield message

    async def logs(self, container: str, since: str | None, *, follow: bool) -> AsyncIterator[bytes]:
        """Each message a container wrote, its time (RFC 3339, nanoseconds) and a blank in front. Ends with the
        container when it is to follow it, else with what there is."""
        query = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow))}
        query |= {"since": since} if since else {}
        async with self._ask("GET", f"/containers/{container}/logs", params=query) as response:
            async for _, message in _messages(response):
                yield message

    @asynccontextmanager
    async def _ask(self, method: str, path: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        session = await self._session()
        with _as_broken():
            async with session.request(method, f"{self._url}{path}", **more) as response:
                response.raise_for_status()
                yield response

    async def _session(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._opened is None:
                library = await asyncio.to_thread(importlib.import_module, "aiohttp")
                self._opened = library.ClientSession(
                    connector=library.UnixConnector(str(self._socket), limit=0),
                    timeout=library.ClientTimeout(total=None, connect=5),
                    read_bufsize=256 * 1024,
                )
            return self._opened


@contextmanager
def _as_broken() -> Iterator[None]:
    """aiohttp's errors as ours, so that nobody else has to know the library."""
    import aiohttp

    try:
        yield
    except aiohttp.ClientResponseError as error:
        raise StreamRefused(error.status, str(error)) from error
    except aiohttp.ClientError as error:
        raise StreamBroken(str(error)) from error


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    with _as_broken():
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    yield json.loads(line)
            if len(rest) > _LONGEST_EVENT:
                raise StreamBroken("an event without an end")


async def _messages(response: aiohttp.ClientResponse) -> AsyncIterator[Message]:
    rest = b""
    async for chunk in response.content.iter_any():
        messages, rest = split(rest + chunk)
        for message in messages:
            yield message


def split(data: bytes) -> tuple[list[Message], bytes]:
    """The complete messages at the beginning of a multiplexed stream, and what follows them."""
    found, start = [], 0
    while start + _FRAME_HEADER <= len(data):
        end = start + _FRAME_HEADER + int.from_bytes(data[start + 4 : start + _FRAME_HEADER], "big")
        if end > len(data):
            break
        found.append((data[start], data[start + _FRAME_HEADER : end]))
        start = end
    return found, data[start:]
