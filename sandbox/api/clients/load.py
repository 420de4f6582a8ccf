"""The background traffic, over HTTP."""

from __future__ import annotations

from sandbox.api.clients.transport import Transport, decode
from sandbox.control import LoadControl, Trickle, TrickleWish


class LoadClient(LoadControl):
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def trickle(self, wish: TrickleWish | None = None) -> Trickle:
        if wish is None:
            return await self._transport.get("/api/trickle", Trickle)
        return decode(await self._transport.send("PUT", "/api/trickle", wish), Trickle)
