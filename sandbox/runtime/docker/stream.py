"""The engine's two endless answers, events and logs, read on the event loop.

The library would take a thread for each and could not be interrupted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

API = "v1.40"
"""Docker 19.03 and everything after it: https://docs.docker.com/reference/api/engine/version-history/"""

_LONGEST_EVENT = 1024 * 1024
_FRAME_HEADER = 8
"""Stream number, three zeros, big-endian length (API: ContainerAttach, "Stream format")."""


class Streams:
    """Raises OSError or aiohttp.ClientError when the engine goes away."""

    def __init__(self, socket: Path) -> None:
        self._connector = aiohttp.UnixConnector(str(socket), limit=0)
        self._session = aiohttp.ClientSession(
            connector=self._connector, timeout=aiohttp.ClientTimeout(total=None, connect=5), read_bufsize=256 * 1024
        )

    async def close(self) -> None:
        await self._session.close()

    async def events(
        self, filters: Mapping[str, Any], since: float | None, connected: asyncio.Event
    ) -> AsyncIterator[dict[str, Any]]:
        """Every event from `since` (seconds since the epoch) on; sets `connected` once it listens."""
        query = {"filters": json.dumps(filters), **({} if since is None else {"since": f"{since:.9f}"})}
        async with self._session.get(f"http://docker/{API}/events", params=query) as response:
            response.raise_for_status()
            connected.set()
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield json.loads(line)
                if len(rest) > _LONGEST_EVENT:
                    raise aiohttp.ClientPayloadError("an event without an end")

    async def execute(self, made: str) -> AsyncIterator[bytes]:
        """Run a command that was made before: each message it writes, until it ends."""
        start = {"Detach": False, "Tty": False}
        async with self._session.post(f"http://docker/{API}/exec/{made}/start", json=start) as response:
            response.raise_for_status()
            async for message in _messages(response):
                yield message

    async def logs(self, container: str, since: str | None) -> AsyncIterator[bytes]:
        """Each message a container wrote, its time (RFC 3339, UTC, nanoseconds) and a blank in front; ends with it."""
        query = {"follow": "1", "stdout": "1", "stderr": "1", "timestamps": "1", **({"since": since} if since else {})}
        async with self._session.get(f"http://docker/{API}/containers/{container}/logs", params=query) as response:
            response.raise_for_status()
            async for message in _messages(response):
                yield message


async def _messages(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        messages, rest = split(rest + chunk)
        for message in messages:
            yield message


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """The complete messages at the beginning of a multiplexed stream, and what follows them."""
    found, start = [], 0
    while start + _FRAME_HEADER <= len(data):
        end = start + _FRAME_HEADER + int.from_bytes(data[start + 4 : start + _FRAME_HEADER], "big")
        if end > len(data):
            break
        found.append(data[start + _FRAME_HEADER : end])
        start = end
    return found, data[start:]
