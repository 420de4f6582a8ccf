"""The server: the same handlers behind two doors, the project's Unix socket and its loopback port."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.api.application import build
from sandbox.api.auth import Access, Auth, Clock, load_token
from sandbox.api.cockpit.pages import CockpitPages
from sandbox.api.connection import FIRST_REQUEST_TIMEOUT, Connection
from sandbox.api.exposed import Exposed
from sandbox.api.listeners import UnixListener, listen_unix
from sandbox.api.openapi import document
from sandbox.api.pages import Pages
from sandbox.api.routes import Route, routes
from sandbox.api.security import loopback_guard, socket_guard
from sandbox.api.shapes import KEEP_ALIVE, LoginLinkRequest
from sandbox.api.streams import MOST_STREAMS, Streams
from sandbox.control import Control, ViewerCommand
from sandbox.errors import NotRunningError
from sandbox.paths import ProjectPaths

log = logging.getLogger(__name__)

_SHUTDOWN_TIMEOUT = 3.0
"""How long a request in progress may go on after `close`, in seconds."""

_TO_THE_PAGE = LoginLinkRequest()


class ApiServer:
    """Serves a control to other processes of this user.

    viewer: what starts a terminal UI of this project, for browsers; None: there is no cockpit.
    clock: seconds, for the expiry of logins. first_request_timeout, keep_alive: seconds.
    """

    def __init__(
        self,
        control: Control,
        *,
        project_paths: ProjectPaths,
        viewer: ViewerCommand | None = None,
        clock: Clock = time.monotonic,
        most_streams: int = MOST_STREAMS,
        keep_alive: float = KEEP_ALIVE,
        first_request_timeout: float = FIRST_REQUEST_TIMEOUT,
    ) -> None:
        self._auth = Auth(load_token(project_paths.token), f"sandbox-{project_paths.id}", clock)
        self._routes = routes(control, self.login_link)
        self._exposed = Exposed(control.metrics)
        self._streams = Streams(limit=most_streams, keep_alive=keep_alive)
        self._cockpit = CockpitPages(self._auth, viewer) if viewer is not None else None
        self._patience = first_request_timeout
        self._runners: list[web.AppRunner] = []
        self._servers: list[asyncio.Server] = []
        self._unix: UnixListener | None = None
        self._url: str | None = None

    async def start_unix(self, path: Path) -> None:
        """Serve everything at `path`. SandboxError when that place is taken."""
        listener = listen_unix(path)
        self._unix = listener
        app = build(self._described(self._routes), self._streams, socket_guard, tells_version=True)
        await self._serve(app, listener.socket)

    async def start_loopback(self, bound: socket.socket) -> None:
        """Serve browsers on a bound TCP socket, which is ours from now on. Its port is the one that Host must name."""
        host, port = bound.getsockname()[:2]
        public = [route for route in self._routes if not route.local]
        guard = loopback_guard(port, self._auth)
        pages = [
            *Pages(self._auth).routes(),
            *self._exposed.routes(),
            *(self._cockpit.routes() if self._cockpit is not None else ()),
        ]
        app = build(self._described(public), self._streams, guard, pages=pages)
        await self._serve(app, bound)
        self._url = f"http://[{host}]:{port}" if bound.family == socket.AF_INET6 else f"http://{host}:{port}"

    def login_link(self, request: LoginLinkRequest = _TO_THE_PAGE) -> str:
        """A link that lets a browser in, once, within `auth.CODE_LIFETIME` seconds."""
        if self._url is None:
            raise NotRunningError("the page is not served")
        code = self._auth.new_code(Access.LOOK if request.look else Access.FULL)
        return f"{self._url}/login?{'to=cockpit&' if request.cockpit else ''}code={code}"

    async def close(self) -> None:
        """End streams cleanly, let requests finish for a moment, and remove the socket."""
        for server in self._servers:
            server.close()
        self._streams.end()
        if self._cockpit is not None:
            await self._cockpit.close()
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        await self._streams.close()
        if self._unix is not None:
            self._unix.remove()

    @staticmethod
    def _described(served: list[Route] | tuple[Route, ...]) -> list[Route]:
        """With the route that describes them all."""

        async def openapi() -> dict[str, Any]:
            """This document."""
            return description

        everything = [*served, Route("GET", "/api/openapi.json", openapi)]
        description = document(everything)
        return everything

    async def _serve(self, app: web.Application, bound: socket.socket) -> None:
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await runner.setup()
        self._runners.append(runner)
        clients = runner.server
        assert clients is not None  # set up two lines above

        def accept() -> Connection:
            return Connection(clients, patience=self._patience)

        loop = asyncio.get_running_loop()
        if bound.family == socket.AF_UNIX:
            self._servers.append(await loop.create_unix_server(accept, sock=bound))
        else:
            self._servers.append(await loop.create_server(accept, sock=bound))
