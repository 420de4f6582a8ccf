"""The status page for browsers: a few files of ours and the login that leads to it."""

from __future__ import annotations

from importlib import resources

from aiohttp import web

from sandbox.api.auth import Auth
from sandbox.api.errors import Refused

_TYPES = {
    "index.html": "text/html",
    "login.html": "text/html",
    "style.css": "text/css",
    "pictures.css": "text/css",
    "app.js": "text/javascript",
    "pictures.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_PLACES = {"cockpit": "/cockpit"}
"""Where a login may lead, beside the page: nothing that a link says is gone to."""
_STATIC = ("style.css", "pictures.css", "app.js", "pictures.js", "icon.svg")


class Pages:
    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._files = {name: _content(name) for name in _TYPES}

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/", self._index, allow_head=False),
            web.get("/login", self._login, allow_head=False),
            web.get("/static/{name}", self._static, allow_head=False),
        ]

    async def _index(self, request: web.Request) -> web.Response:
        if self._auth.session(request):
            return self._file("index.html")
        return self._file("login.html", status=401)

    async def _login(self, request: web.Request) -> web.Response:
        place = _PLACES.get(request.query.get("to", ""), "/")
        response = web.Response(status=303, headers={"Location": place})
        if self._auth.log_in(request.query.get("code", ""), response):
            return response
        return self._file("login.html", status=401)

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _STATIC:
            raise Refused(404, "not_found", "there is nothing here")
        return self._file(name)

    def _file(self, name: str, *, status: int = 200) -> web.Response:
        return web.Response(body=self._files[name], status=status, content_type=_TYPES[name], charset="utf-8")


def _content(name: str) -> bytes:
    package, folder = ("sandbox.pictures", ".") if name == "pictures.css" else ("sandbox.api", "page")
    return (resources.files(package) / folder / name).read_bytes()
