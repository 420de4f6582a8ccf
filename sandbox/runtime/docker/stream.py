"""The engine's endless answers (events, logs, what commands write), read on the event loop.

The library would take a thread for each and could not be interrupted.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

_LONGEST_EVENT = 1024 * 1024
_FRAME_HEADER = 8
"""Stream number, three zeros, big-endian length (API: ContainerAttach, "Stream format")."""


Message = tuple[int, bytes]
"""The number of an output, and what was written to it. The order of what came by different outputs is not kept."""

STDOUT, STDERR = 1, 2


class Streams:
    """Raises OSError or aiohttp.ClientError when the engine goes away. `version` is the API's: newer engines refuse the
    older ones."""

    def __init__(self, socket: Path, version: str) -> None:
        self._url = f"http://docker/v{version}"
        self._connector = aiohttp.UnixConnector(str(socket), limit=0)
        self._session = aiohttp.ClientSession(
            connector=self._connector, timeout=aiohttp.ClientTimeout(total=None, connect=5), read_bufsize=256 * 1024
        )

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def events(self, filters: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Every event from now on: none that comes after entering is missed."""
        query = {"filters": json.dumps(filters)}
        async with self._session.get(f"{self._url}/events", params=query) as response:
            response.raise_for_status()
            yield _events(response)

    async def execute(self, made: str) -> AsyncIterator[Message]:
        """Run a command that was made before: each message it writes, until it ends."""
        start = {"Detach": False, "Tty": False}
        async with self._session.post(f"{self._url}/exec/{made}/start", json=start) as response:
            response.raise_for_status()
            async for message in _messages(response):
                yield message

    async def logs(self, container: str, since: str | None, *, follow: bool) -> AsyncIterator[bytes]:
        """Each message a container wrote, its time (RFC 3339, nanoseconds) and a blank in front. Ends with the
        container when it is to follow it, else with what there is."""
        query = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow))}
        query |= {"since": since} if since else {}
        async with self._session.get(f"{self._url}/containers/{container}/logs", params=query) as response:
            response.raise_for_status()
            async for _, message in _messages(response):
                yield message


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
        if len(rest) > _LONGEST_EVENT:
            raise aiohttp.ClientPayloadError("an event without an end")


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
