"""Hands on all telemetry, as it came, to a collector of the user's: `telemetry.export.otlp`.

Bodies go by OTLP/HTTP, one after the other. Of a collector that does not answer, or asks for patience, as much waits as
fits; the rest is dropped and counted. https://opentelemetry.io/docs/specs/otlp/#failures says what to send again.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from sandbox.model import OtlpExport

MOST_BYTES = 16 * 1024 * 1024
"""That wait."""

PATIENCE = 300.0
"""Seconds for which one body is sent again."""

_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_LOOKS_EVERY = 1.0  # seconds, whether it is to go somewhere else
_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Body:
    signal: str  # traces | metrics | logs
    data: bytes
    content_type: str


class Exporter:
    """`to` says where to, as it is now, and None while nobody wants anything; what waits goes where it says then.
    sent, dropped: bodies. `complain` hears once when it begins to fail."""

    def __init__(
        self,
        to: Callable[[], OtlpExport | None],
        complain: Callable[[str], None],
        *,
        patience: float = PATIENCE,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._to = to
        self._complain = complain
        self._patience = patience
        self._first_pause = first_pause
        self._waiting: deque[Body] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._failing = False
        self.sent = 0
        self.dropped = 0

    @property
    def wanted(self) -> bool:
        return self._to() is not None

    def offer(self, body: Body) -> bool:
        """Whether it is wanted, and there is room for it."""
        if not self.wanted:
            return False
        if self._bytes + len(body.data) > MOST_BYTES:
            self.dropped += 1
            return False
        self._waiting.append(body)
        self._bytes += len(body.data)
        self._ready.set()
        return True

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self._waiting:
                    body = self._waiting[0]
                    while not await self._deliver(http, body, self._to()):
                        self._failing = False
                    self._waiting.popleft()
                    self._bytes -= len(body.data)

    async def _deliver(self, http: aiohttp.ClientSession, body: Body, to: OtlpExport | None) -> bool:
        """False: it is to go somewhere else by now."""
        if to is None:
            self.dropped += 1
            return True
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._patience, self._first_pause
        while (wait := await self._send(http, body, to)) is not None:
            if loop.time() + max(wait, pause) > until:
                self.dropped += 1
                return True
            if not await self._rest(max(wait, pause), to):
                return False
            pause = min(pause * 2, _LONGEST_PAUSE)
        return True

    async def _rest(self, seconds: float, to: OtlpExport) -> bool:
        """False as soon as it is to go somewhere else."""
        steps = max(1, math.ceil(seconds / _LOOKS_EVERY))
        for _ in range(steps):
            await asyncio.sleep(seconds / steps)
            if self._to() != to:
                return False
        return True

    async def _send(self, http: aiohttp.ClientSession, body: Body, to: OtlpExport) -> float | None:
        """None when that is settled, one way or the other; else how many seconds it asks to be spared."""
        url = f"{to.endpoint.rstrip('/')}/v1/{body.signal}"
        headers = {**to.headers, "Content-Type": body.content_type}
        try:
            async with http.post(url, data=body.data, headers=headers) as response:
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
