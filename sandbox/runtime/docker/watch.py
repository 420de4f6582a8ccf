"""Hears from the engine: which containers end, and whether it is there at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.endpoint import Endpoint, ping
from sandbox.runtime.docker.engine import EngineGone
from sandbox.runtime.docker.stream import Streams
from sandbox.tasks import Failure, Tasks

log = logging.getLogger(__name__)

_LOOK_AGAIN = 0.5
"""Seconds between two looks for an engine that went away."""

_RETRY = 0.3

_RETURNS_WITHIN = 5.0
"""Seconds that what must not wait for ever waits for an engine that went away."""

T = TypeVar("T")

Events = AsyncIterator[dict[str, Any]]

Hear = Callable[[str, Mapping[str, Any]], None]
"""Takes an action and what it happened to: ("die", {"ID": …, "Attributes": {…}})."""


class EngineWatch:
    """`there` is set as long as the engine answers. After each absence `on_return` is awaited before anything else is
    heard, and nothing that happens meanwhile is missed; `on_loss` is told why, once."""

    def __init__(
        self,
        endpoint: Endpoint,
        streams: Streams,
        project: str,
        hear: Hear,
        on_loss: Callable[[str], None],
        on_return: Callable[[], Awaitable[None]],
        on_failure: Failure,
    ) -> None:
        self._endpoint = endpoint
        self._streams = streams
        self._filters = {"type": ["container"], **labels.filters(project)}
        self._hear = hear
        self._on_loss = on_loss
        self._on_return = on_return
        self._tasks = Tasks(on_failure)
        self.there = asyncio.Event()

    async def open(self) -> None:
        """Returns once every later event will be heard. RuntimeFailure when the engine does not let us hear them."""
        listening = AsyncExitStack()
        try:
            events = await listening.enter_async_context(self._streams.events(self._filters))
        except OSError as error:
            hint = "see: docker events"
            raise RuntimeFailure(f"it does not tell what happens: {error}", place="docker", hint=hint) from error
        self.there.set()
        self._tasks.spawn(self._run(listening, events), name="hear the engine")

    async def close(self) -> None:
        await self._tasks.close()

    async def present(self) -> None:
        """EngineGone when it stays away."""
        if not await set_within(self.there, _RETURNS_WITHIN):
            raise EngineGone(
                "the engine does not run", place="docker", hint="start it, such as: sudo systemctl start docker"
            )

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for an engine that is away, and try again what its going away broke."""
        while True:
            await self.there.wait()
            try:
                return await work()
            except EngineGone as error:
                log.warning("trying again: %s", error)
                await asyncio.sleep(_RETRY)

    async def _run(self, listening: AsyncExitStack, events: Events) -> None:
        async with listening:
            why = await self._hear_all(events)
        while True:
            self._on_loss(why)
            why = await self._hear_again()

    async def _hear_again(self) -> str:
        """Wait for the engine and hear it until it goes away anew; why it did."""
        while True:
            try:
                await ping(self._endpoint)
                async with self._streams.events(self._filters) as events:
                    self.there.set()
                    await self._on_return()
                    return await self._hear_all(events)
            except (OSError, RuntimeFailure) as error:
                log.info("no engine yet: %s", error)
                self.there.clear()
            await asyncio.sleep(_LOOK_AGAIN)

    async def _hear_all(self, events: Events) -> str:
        """Until they end; why they did."""
        try:
            async for event in events:
                self._hear(str(event.get("Action")), event.get("Actor") or {})
        except (OSError, ValueError) as error:
            log.warning("the engine's events ended: %s", error)
        self.there.clear()
        try:
            await ping(self._endpoint)
        except RuntimeFailure as error:
            return error.message
        return "it hung up"  # a quick restart, or one behind a socket that the service manager keeps open


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True
