"""How long the proxy's certificates are still good, by its own word."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sandbox.daemon.late import imported
from sandbox.errors import ProxyError
from sandbox.proxy.bearer import Guarded

_STAT = "server.days_until_first_cert_expiring"
_NONE = 36_500
"""Days from which on Envoy means that it has no certificate: it says 2^32 - 1 then."""

_EVERY = 600.0


class Certificates:
    """admin: of Envoy, as it is now."""

    def __init__(self, admin: Callable[[], Path | Guarded]) -> None:
        self._admin = admin
        self._known: float | None = None
        self._until = 0.0

    async def days(self) -> float | None:
        """Until the first one runs out; None when there is none, or Envoy does not say."""
        if time.monotonic() >= self._until:
            self._until = time.monotonic() + _EVERY
            self._known = await self._ask()
        return self._known

    async def _ask(self) -> float | None:
        admin = (await imported("sandbox.proxy.admin")).Admin
        try:
            async with admin(self._admin()) as envoy:
                found = (await envoy.stats(f"^{_STAT.replace('.', '[.]')}$")).get(_STAT)
        except ProxyError:
            return None
        return float(found) if found is not None and found < _NONE else None
