"""Hears from the engine: which containers end, and whether it is there at all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.endpoint import Endpoint, ping
from sandbox.runtime.docker.stream import Streams
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

_LOOK_AGAIN = 0.5
"""Seconds between two looks for an engine that went away."""

Hear = Callable[[str, Mapping[str, Any]], None]
"""Takes an action and what it happened to: ("die", {"ID": …, "Attributes": {…}})."""


class EngineWatch:
    """`there` is set as long as the engine answers. After each absence `on_return` is awaited before anything else is
    heard; `on_loss` is told why, once."""

    def __init__(
        self,
        endpoint: Endpoint,
        streams: Streams,
        project: str,
        hear: Hear,
        on_loss: Callable[[str], None],
        on_return: Callable[[], Awaitable[None]],
    ) -> None:
        self._endpoint = endpoint
        self._streams = streams
        self._filters = {"type": ["container"], **labels.filters(project)}
        self._hear = hear
        self._on_loss = on_loss
        self._on_return = on_return
        self._listening = asyncio.Event()
        self._tasks = Tasks()
        self.there = asyncio.Event()

    async def open(self) -> None:
        """Returns once every later event will be heard."""
        self.there.set()
        self._tasks.spawn(self._run(), name="hear the engine")
        await self._listening.wait()

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        since: float | None = time.time()
        while True:
            try:
                async for event in self._streams.events(self._filters, since, self._listening):
                    since = event.get("timeNano", 0) / 1e9 + 1e-6
                    self._hear(str(event.get("Action")), event.get("Actor") or {})
            except (OSError, aiohttp.ClientError, ValueError) as error:
                log.warning("the engine's events ended: %s", error)
            if await self._is_there() is None:
                continue  # it only closed the connection
            await self._wait_for_return()
            since = time.time()

    async def _is_there(self) -> str | None:
        """None when it is; else why not."""
        try:
            await ping(self._endpoint)
        except RuntimeFailure as error:
            return error.message
        return None

    async def _wait_for_return(self) -> None:
        self.there.clear()
        why = await self._is_there()
        if why is not None:
            self._on_loss(why)
        while why is not None:
            await asyncio.sleep(_LOOK_AGAIN)
            why = await self._is_there()
        self.there.set()
        await self._on_return()
