"""The cockpit's page, what it loads, and the socket that its terminal talks over."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.api.auth import Access, Auth
from sandbox.api.cockpit.viewer import Size, Viewer
from sandbox.api.errors import Refused
from sandbox.control import ViewerCommand
from sandbox.tasks import Tasks

MOST_VIEWERS = 8
"""At a time; each is a process of some 70 MB."""

_HEARTBEAT = 15.0
_LONGEST_MESSAGE = 1024 * 1024  # a paste

# The terminal sets the looks of its cells by style sheets of its own making.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' ws://{host}; frame-ancestors 'none'"
)

_SERVED = {
    "terminal.js": ("textual_serve", "static/js/textual.js", "text/javascript"),
    "terminal.css": ("textual_serve", "static/css/xterm.css", "text/css"),
    "mono.ttf": ("textual_serve", "static/fonts/RobotoMono-VariableFont_wght.ttf", "font/ttf"),
    "cockpit.js": ("sandbox.api", "page/cockpit.js", "text/javascript"),
    "cockpit.css": ("sandbox.api", "page/cockpit.css", "text/css"),
}


class CockpitPages:
    """command: what starts a terminal UI for a browser with that access."""

    def __init__(self, auth: Auth, command: ViewerCommand) -> None:
        self._auth = auth
        self._command = command
        self._tasks = Tasks()
        self._open: dict[web.WebSocketResponse, asyncio.Event] = {}  # set when its process has ended
        self._closed = False

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/cockpit", self._page, allow_head=False),
            web.get("/cockpit/socket", self._socket, allow_head=False),
            web.get("/cockpit/static/{name}", self._static, allow_head=False),
        ]

    async def close(self) -> None:
        """Hang up, and wait until the processes behind have ended."""
        self._closed = True
        ends = list(self._open.values())
        await asyncio.gather(*(browser.close(code=1001, message=b"the supervisor ends") for browser in self._open))
        await asyncio.gather(*(end.wait() for end in ends))
        await self._tasks.close()

    async def _page(self, request: web.Request) -> web.Response:
        name, status = ("cockpit.html", 200) if self._auth.session(request) else ("login.html", 401)
        html = (resources.files("sandbox.api") / "page" / name).read_text(encoding="utf-8")
        headers = {"Content-Security-Policy": _POLICY.format(host=request.headers["Host"])}
        text = html.replace("{{socket}}", f"ws://{request.headers['Host']}/cockpit/socket")
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    async def _static(self, request: web.Request) -> web.Response:
        found = _SERVED.get(request.match_info["name"])
        if found is None:
            raise Refused(404, "not_found", "there is nothing here")
        package, path, content_type = found
        body = await asyncio.to_thread((resources.files(package) / path).read_bytes)
        # The one thing that is large and tells nothing of the project.
        return web.Response(body=body, content_type=content_type, headers={"Cache-Control": "private, max-age=3600"})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        access = self._auth.access(request)
        if access is None:  # the guard has seen to it
            raise Refused(401, "not_logged_in", "not logged in")
        if self._closed or len(self._open) >= MOST_VIEWERS:
            raise Refused(503, "too_many_viewers", f"{MOST_VIEWERS} browsers show the cockpit already")
        browser = web.WebSocketResponse(heartbeat=_HEARTBEAT, max_msg_size=_LONGEST_MESSAGE, compress=False)
        end = self._open[browser] = asyncio.Event()
        try:
            await browser.prepare(request)
            viewer = Viewer(self._command(access is Access.LOOK), dict(os.environ))
            await viewer.start(Size.of(request.query.get("width"), request.query.get("height")))
            await self._run(browser, viewer)
        except OSError as error:
            await browser.close(code=1011, message=f"could not be started: {error}".encode()[:120])
        finally:
            del self._open[browser]
            end.set()
        return browser

    async def _run(self, browser: web.WebSocketResponse, viewer: Viewer) -> None:
        """Until the browser leaves or the terminal UI ends."""
        showing = self._tasks.spawn(_show(browser, viewer), name="show a viewer")
        try:
            async for received in browser:
                if received.type is WSMsgType.TEXT:
                    await _take(received.data, browser, viewer)
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
            await viewer.stop()


async def _show(browser: web.WebSocketResponse, viewer: Viewer) -> None:
    async def heard(said: Mapping[str, Any]) -> None:
        url = str(said.get("url", ""))
        if said.get("type") == "open_url" and url.startswith(("http://", "https://")):
            await browser.send_json(["open_url", {"url": url, "new_tab": True}])

    with suppress(ConnectionError):
        async for data in viewer.output(heard):
            await browser.send_bytes(data)
        await browser.close()


async def _take(text: str, browser: web.WebSocketResponse, viewer: Viewer) -> None:
    """What the terminal in the browser says; anything else is passed over."""
    try:
        said = json.loads(text)
    except ValueError:
        return
    match said:
        case ["stdin", str(keys)]:
            await viewer.type(keys)
        case ["resize", {"width": width, "height": height}]:
            size = Size.of(width, height)
            await viewer.tell(type="resize", width=size.width, height=size.height)
        case ["ping", str(data)]:
            await browser.send_json(["pong", data[:64]])
        case ["focus" | "blur" as what, *_]:
            await viewer.tell(type=what)
