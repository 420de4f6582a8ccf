"""Hands on all telemetry, as it came, to a collector of the user's: `telemetry.export.otlp`.

Bodies go by OTLP/HTTP, one after the other. Of a collector that does not answer, or asks for patience, as much waits as
fits; the rest is dropped and counted. https://opentelemetry.io/docs/specs/otlp/#failures says what to send again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

log = logging.getLogger(__name__)

MOST_BYTES = 16 * 1024 * 1024
"""That wait."""

PATIENCE = 300.0
"""Seconds for which one body is sent again."""

_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Body:
    signal: str  # traces | metrics | logs
    data: bytes
    content_type: str


class Exporter:
    """endpoint: without `/v1/traces`. sent, dropped: bodies. `complain` hears once when it begins to fail."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        complain: Callable[[str], None],
        *,
        patience: float = PATIENCE,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._headers = dict(headers)
        self._complain = complain
        self._patience = patience
        self._first_pause = first_pause
        self._waiting: deque[Body] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._failing = False
        self.sent = 0
        self.dropped = 0

    def offer(self, body: Body) -> bool:
        """Whether there is room for it."""
        if self._bytes + len(body.data) > MOST_BYTES:
            self.dropped += 1
            return False
        self._waiting.append(body)
        self._bytes += len(body.data)
        self._ready.set()
        return True

    async def run(self) -> None:
        async with aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT) as http:
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self._waiting:
                    body = self._waiting[0]
                    await self._deliver(http, body)
                    self._waiting.popleft()
                    self._bytes -= len(body.data)

    async def _deliver(self, http: aiohttp.ClientSession, body: Body) -> None:
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._patience, self._first_pause
        while (wait := await self._send(http, body)) is not None:
            if loop.time() + max(wait, pause) > until:
                self.dropped += 1
                return
            await asyncio.sleep(max(wait, pause))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _send(self, http: aiohttp.ClientSession, body: Body) -> float | None:
        """None when that is settled, one way or the other; else how many seconds it asks to be spared."""
        url = f"{self._endpoint}/v1/{body.signal}"
        try:
            async with http.post(url, data=body.data, headers={"Content-Type": body.content_type}) as response:
                if response.status < 300:
                    self.sent += 1
                    self._failing = False
                    return None
                self._failed(f"{url} answered {response.status}")
                if response.status not in _AGAIN:
                    self.dropped += 1
                    return None
                return _seconds(response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._failed(f"{url}: {error}")
            return 0.0

    def _failed(self, why: str) -> None:
        if not self._failing:
            self._failing = True
            self._complain(f"telemetry could not be handed on to your collector: {why}")


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), _LONGEST_PAUSE) if retry_after.isdecimal() else 0.0
