"""What Textual's web driver reads and writes: a letter, the length in four bytes, and so many bytes. Pure.

`D` is terminal data, `M` a message as JSON, `P` a part of a file; see textual/drivers/web_driver.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

PRELUDE = b"__GANGLION__\n"
"""What the driver writes before its first packet."""

DATA, MESSAGE = b"D", b"M"

MOST_BYTES = 8 * 1024 * 1024
"""Of a packet; a screen's worth is a hundredth of that."""

_HEAD = 5


class NoPacketError(Exception):
    """What came is nothing that the driver writes."""


def packet(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


def message(**fields: Any) -> bytes:
    return packet(MESSAGE, json.dumps(fields).encode())


class Parser:
    """Bytes, however they are cut -> packets."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The packets that are complete: kind and payload. NoPacketError for anything else."""
        self._rest += data
        if not self._begun:
            self._skip_prelude()
        while self._begun and len(self._rest) >= _HEAD:
            size = int.from_bytes(self._rest[1:_HEAD], "big")
            if size > MOST_BYTES:
                raise NoPacketError(f"a packet of {size} bytes")
            if len(self._rest) < _HEAD + size:
                return
            kind, payload = bytes(self._rest[:1]), bytes(self._rest[_HEAD : _HEAD + size])
            del self._rest[: _HEAD + size]
            yield kind, payload

    def _skip_prelude(self) -> None:
        """Whatever is printed while the program starts comes before it."""
        place = self._rest.find(PRELUDE)
        if place >= 0:
            del self._rest[: place + len(PRELUDE)]
            self._begun = True
        elif len(self._rest) > MOST_BYTES:
            raise NoPacketError("no prelude")
