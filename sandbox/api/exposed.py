"""`GET /metrics` for Prometheus, with the project's token as every other script."""

from __future__ import annotations

from aiohttp import web

from sandbox.control import MetricsControl

PATH = "/metrics"
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposed:
    def __init__(self, control: MetricsControl) -> None:
        self._control = control

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(PATH, self._metrics, allow_head=False)]

    async def _metrics(self, request: web.Request) -> web.Response:
        response = web.Response(text=await self._control.prometheus(), headers={"Content-Type": _TYPE})
        response.enable_compression()
        return response
