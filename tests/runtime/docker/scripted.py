"""An engine whose answers a test has written. They come on the event loop, in an order that is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from docker.errors import APIError, NotFound

from sandbox.runtime.docker.engine import Engine, explained
from sandbox.runtime.docker.stream import Streams

T = TypeVar("T")


class ScriptedEngine(Engine):
    """`api` stands in for the library's client."""

    def __init__(self, api: object) -> None:
        self._api: Any = api
        self.next_call_takes = 1  # rounds of the event loop

    async def call(self, ask: Callable[[Any], T], *, place: str = "docker") -> T:
        rounds, self.next_call_takes = self.next_call_takes, 1
        for _ in range(rounds):
            await asyncio.sleep(0)
        try:
            return ask(self._api)
        except APIError as error:
            raise explained(error, place) from error


class ScriptedStreams(Streams):
    """`answer` is what there is instead of an output."""

    def __init__(self, answer: OSError) -> None:
        super().__init__(Path("/no-such.sock"), "1.41")
        self._answer = answer
        self.asked = 0

    async def logs(self, container: str, since: str | None, *, follow: bool) -> AsyncIterator[bytes]:
        self.asked += 1
        raise self._answer
        yield b""


def refusal(status: int, said: str) -> APIError:
    """What the library raises for such an answer."""
    kind = NotFound if status == 404 else APIError
    return kind(f"{status} Error", response=SimpleNamespace(status_code=status), explanation=said)
