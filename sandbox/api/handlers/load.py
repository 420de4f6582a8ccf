"""The background traffic."""

from __future__ import annotations

from sandbox.control import LoadControl, Trickle, TrickleWish


class LoadHandlers:
    def __init__(self, control: LoadControl) -> None:
        self._control = control

    async def trickle(self) -> Trickle:
        """Whether there is background traffic."""
        return await self._control.trickle()

    async def set_trickle(self, body: TrickleWish) -> Trickle:
        """Switch the background traffic on or off."""
        return await self._control.trickle(body)
