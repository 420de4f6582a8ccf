"""Envoy's admin interface: over its Unix socket, or through the door of an Envoy in a container."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from sandbox.errors import ProxyError
from sandbox.proxy.bearer import HEADER, Guarded

_PLACE = "Envoy's admin interface"


def admin_session(where: Path | Guarded, *, timeout: float = 10.0, limit: int = 4) -> aiohttp.ClientSession:
    """For requests by path alone, such as `/stats`. `timeout` in seconds; `limit`: connections at a time."""
    patience = aiohttp.ClientTimeout(total=timeout)
    if isinstance(where, Path):
        socket = aiohttp.UnixConnector(path=str(where), limit=limit)
        return aiohttp.ClientSession("http://envoy", connector=socket, timeout=patience)
    return aiohttp.ClientSession(
        f"http://{where.address}",
        connector=aiohttp.TCPConnector(limit=limit),
        headers={HEADER: where.credentials},
        timeout=patience,
    )


class Admin:
    """A client for as long as it is entered. Every call raises ProxyError when Envoy does not answer. Through a door,
    nothing can be changed."""

    def __init__(self, where: Path | Guarded) -> None:
        self._where = where
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Admin:
        self._session = admin_session(self._where)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ready(self) -> bool:
        """Whether it serves: its first configuration has arrived. False too when it does not answer."""
        try:
            return (await self._call("GET", "/ready"))[0] == 200
        except ProxyError:
            return False

    async def stats(self, regex: str = "") -> dict[str, Any]:
        """Used counters and gauges by name; `histograms` as Envoy's JSON has them, when any matches."""
        query = {"format": "json", "usedonly": "", **({"filter": regex} if regex else {})}
        entries = (await self._json("/stats", query))["stats"]
        found = {entry["name"]: entry["value"] for entry in entries if "name" in entry}
        for entry in entries:
            found.update({key: value for key, value in entry.items() if key == "histograms"})
        return found

    async def server_info(self) -> dict[str, Any]:
        return await self._json("/server_info", {})

    async def memory(self) -> dict[str, int]:
        """Bytes by kind."""
        return {name: int(value) for name, value in (await self._json("/memory", {})).items()}

    async def quit(self) -> None:
        path = "/quitquitquit"
        status, _ = await self._call("POST", path, {})
        if status != 200:
            raise ProxyError(f"answered {path} with {status}", place=_PLACE)

    async def _json(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        status, body = await self._call("GET", path, query)
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise ProxyError(f"answered {path} with {status} and no JSON", place=_PLACE) from error
        if not isinstance(answer, dict):
            raise ProxyError(f"answered {path} with something unexpected", place=_PLACE)
        return answer

    async def _call(self, method: str, path: str, query: dict[str, str] | None = None) -> tuple[int, bytes]:
        if self._session is None:
            raise ProxyError("is not open", place=_PLACE)
        try:
            async with self._session.request(method, path, params=query) as response:
                return response.status, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ProxyError(
                f"does not answer: {error}", place=_PLACE, hint="is Envoy running? Try: sandbox ps"
            ) from error
