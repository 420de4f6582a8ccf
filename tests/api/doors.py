"""Knocking at the API's two doors as strangers, scripts and browsers do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from sandbox.api.server import ApiServer
from sandbox.paths import ProjectPaths

INTENT = {"X-Sandbox": "1"}


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """Of an error; fails for anything that is not in the error shape."""
        error = self.json["error"]
        assert error["message"] and isinstance(error["hint"], str)
        return str(error["code"])


class Doors:
    def __init__(self, server: ApiServer, paths: ProjectPaths, *, port: int) -> None:
        self.server = server
        self.paths = paths
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._tcp = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._unix = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(paths.api_socket)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tcp.close()
        await self._unix.close()

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.paths.token.read_text().strip()}"}

    async def knock(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """At the loopback port, with these headers and no others of interest."""
        return await _answer(self._tcp, method, self.url + path, headers or {}, more)

    async def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """At the loopback port, as a script with the token does."""
        return await self.knock(method, path, {**self.bearer, **INTENT, **(headers or {})}, **more)

    async def locally(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """At the Unix socket."""
        return await _answer(self._unix, method, "http://sandbox" + path, {**INTENT, **(headers or {})}, more)

    async def log_in(self) -> dict[str, str]:
        """The cookie a browser has after it followed a fresh link."""
        answer = await self.knock("GET", self.server.login_link().removeprefix(self.url))
        assert answer.status == 303
        return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection to the Unix socket."""
        return await asyncio.open_unix_connection(self.paths.api_socket)


async def _answer(
    session: aiohttp.ClientSession, method: str, url: str, headers: Mapping[str, str], more: Mapping[str, Any]
) -> Answer:
    async with session.request(method, url, headers=headers, allow_redirects=False, **more) as response:
        return Answer(response.status, response.headers, await response.text())


@asynccontextmanager
async def impostor(path: Path, answer: bytes | None) -> AsyncIterator[None]:
    """Something else that listens there, gives one client this answer, or none, and hangs up."""
    finished = asyncio.Event()

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        await writer.wait_closed()
        finished.set()

    async with await asyncio.start_unix_server(reply, path):
        yield
        async with asyncio.timeout(5):
            await finished.wait()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until the condition holds, and fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
