"""Times as people type them on a command line."""

from __future__ import annotations

import re

from sandbox.config.durations import parse_duration


def duration(text: str) -> float:
    """Seconds, from "500ms", "30s", "1m30s" or a bare number of seconds. Raises ValueError for anything else."""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else parse_duration(text)


def moment(text: str, now: float | None = None) -> float:
    """Seconds since the epoch, from an RFC 3339 time or a duration before `now`; ValueError for anything else."""
    import time
    from datetime import datetime

    if "T" not in text and "-" not in text:
        return (time.time() if now is None else now) - duration(text)
    return datetime.fromisoformat(text).timestamp()


def age(seconds: float) -> str:
    """A length of time in at most two units: "42s", "3m 5s", "2h 10m", "4d 3h"."""
    left = max(0, int(seconds))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, left = divmod(left, size)
        parts.append((amount, unit))
    first = next((index for index, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
    return " ".join(f"{amount}{unit}" for amount, unit in parts[first : first + 2] if amount or len(parts) - 1 == first)
