"""Sizes as Compose and Docker write them: `256M`, `1.5G`, `64kb`. Units are binary; in Python they are bytes."""

from __future__ import annotations

import re
from decimal import Decimal

_EXPONENT = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,12})?) ?([kmgt]?)i?b?", re.ASCII | re.IGNORECASE)
LARGEST = 1024**5
EXAMPLES = "64M or 1.5G"


def parse_size(text: str) -> int:
    """Bytes, parts of a byte cut off. ValueError when it is no size or above 1024 TiB."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("is no size")
    number = int(Decimal(match[1]) * 1024 ** _EXPONENT[match[2].lower()])
    if number > LARGEST:
        raise ValueError("is larger than 1024T")
    return number


def format_size(size: int) -> str:
    """The text with the largest unit that states it exactly."""
    for unit, exponent in (("T", 4), ("G", 3), ("M", 2), ("K", 1)):
        if size and size % 1024**exponent == 0:
            return f"{size // 1024**exponent}{unit}"
    return f"{size}B"
