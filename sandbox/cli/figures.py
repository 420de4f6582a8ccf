"""Numbers as people read them: few characters, a unit, and a dash for what is not known."""

from __future__ import annotations

NONE = "-"


def rate(value: float | None) -> str:
    """Per second: `0`, `0.25`, `12.5`, `340`, `1.2k`."""
    if value is None:
        return NONE
    if value >= 9995:
        return f"{value / 1000:.0f}k"
    if value >= 999.5:
        return f"{value / 1000:.1f}k"
    if value >= 99.5:
        return f"{value:.0f}"
    return f"{value:.{2 if value < 9.995 else 1}f}".rstrip("0").rstrip(".")


def share(value: float | None) -> str:
    """Of one, in percent: `0%`, `0.3%`, `12%`. What is more than nothing is never said to be nothing."""
    if value is None:
        return NONE
    percent = value * 100
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.1f}%" if 0 < percent < 9.95 else f"{percent:.0f}%"


def milliseconds(value: float | None) -> str:
    """`0.8ms`, `12ms`, `1.5s`, `2m05s`."""
    if value is None:
        return NONE
    if value < 9.95:
        return f"{value:.1f}ms"
    if value < 999.5:
        return f"{value:.0f}ms"
    if value < 99_500:
        return f"{value / 1000:.1f}s"
    minutes, seconds = divmod(round(value / 1000), 60)
    return f"{minutes}m{seconds:02d}s"


def size(value: int | None) -> str:
    """Bytes: `512B`, `1.5M`, `210M`, `2.1G`."""
    if value is None:
        return NONE
    amount = float(value)
    for unit in ("B", "K", "M", "G"):
        if amount < 999.5:
            return f"{amount:.1f}{unit}" if amount < 9.95 and unit != "B" else f"{amount:.0f}{unit}"
        amount /= 1024
    return f"{amount:.1f}T"


def cores(value: float) -> str:
    """In percent of one: `0%`, `3.5%`, `250%`."""
    return share(value)
