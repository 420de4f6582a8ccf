"""Durations as Compose and Go write them: `500ms`, `1m30s`, `2h`. In Python they are seconds."""

from __future__ import annotations

import re
from decimal import Decimal

_MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(us|ms|s|m|h)", re.ASCII)
LONGEST = 365 * 24 * 3600.0
EXAMPLES = "500ms, 10s or 1m30s"


def parse_duration(text: str) -> float:
    """Seconds, to the microsecond. ValueError when it is no duration or longer than a year."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("is no duration")
    seconds = round(sum(Decimal(number) * _MICROSECONDS[unit] for number, unit in parts)) / 1e6
    if seconds > LONGEST:
        raise ValueError("is longer than a year")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text of whole units that `parse_duration` reads back, to the microsecond."""
    rest = round(seconds * 1e6)
    parts = []
    for unit in ("h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, _MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
