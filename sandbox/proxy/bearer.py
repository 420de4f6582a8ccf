"""Addresses on which only holders of a token are served (RFC 6750, "Bearer")."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from sandbox.proxy.topology import Address

HEADER = "authorization"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A TCP address and its token, which is ASCII without spaces."""

    address: Address
    token: str = field(repr=False)

    @property
    def credentials(self) -> str:
        """The value of `HEADER`."""
        return f"Bearer {self.token}"

    def admits(self, value: str | bytes) -> bool:
        """Whether a client sent the right value of `HEADER`, in a time that does not tell how nearly."""
        given = value if isinstance(value, bytes) else value.encode()
        return hmac.compare_digest(given, self.credentials.encode())
