"""The background traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Trickle:
    """About one request a second to public services, in turns, so that the graph lives."""

    on: bool
    per_second: float
    targets: tuple[str, ...]  # "GET http://storefront.localhost:8080/healthz"
    sent: int = 0  # since it was switched on
    failed: int = 0  # 5xx and requests without an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class TrickleWish:
    """What is asked. None: each public service's health path, else "/"."""

    on: bool
    service: str | None = None
    path: str | None = None
    method: str = "GET"


class LoadControl(Protocol):
    async def trickle(self, wish: TrickleWish | None = None) -> Trickle:
        """How it is; with a wish, after changing it. NotFoundError for a service that does not exist or is not
        public. Remembered by the project until `down`."""
        ...
