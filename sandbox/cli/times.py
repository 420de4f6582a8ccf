"""Times as people type them on a command line."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError

from sandbox.config.durations import parse_duration


def duration(text: str) -> float:
    """Seconds, from "500ms", "30s", "1m30s" or a bare number of seconds. ArgumentTypeError for anything else."""
    try:
        return _seconds(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no length of time: 500ms, 30s or 1m30s") from None


def _seconds(text: str) -> float:
    found = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else parse_duration(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def moment(text: str, now: float | None = None) -> float:
    """Seconds since the epoch, from an RFC 3339 time or a duration before `now`; else ArgumentTypeError. What lies
    before the epoch is its beginning."""
    import time
    from datetime import datetime

    try:
        if "T" not in text and "-" not in text:
            return max(0.0, (time.time() if now is None else now) - _seconds(text))
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        forms = "how long ago (5m, 1h30m), or when (2026-01-31, 2026-01-31T12:00:00Z)"
        raise ArgumentTypeError(f"{text!r} is no time: say {forms}") from None


def age(seconds: float) -> str:
    """A length of time in at most two units: "42s", "3m 5s", "2h 10m", "4d 3h"."""
    left = max(0, int(seconds))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, left = divmod(left, size)
        parts.append((amount, unit))
    first = next((index for index, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
    return " ".join(f"{amount}{unit}" for amount, unit in parts[first : first + 2] if amount or len(parts) - 1 == first)
