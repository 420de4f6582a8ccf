"""Numbers and times as people read them."""

from __future__ import annotations

import time


def percent(share: float) -> str:
    shown = share * 100
    return f"{shown:.0f} %" if shown >= 10 or shown == round(shown) else f"{shown:.1f} %"


def milliseconds(value: float) -> str:
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"


def seconds(value: float) -> str:
    return milliseconds(value * 1000)


def requests(rate: float) -> str:
    """ "5 requests a second", "3 requests a minute"."""
    return counted(rate, "requests")


def counted(rate: float, what: str) -> str:
    return f"{rate:.3g} {what} a second" if rate >= 0.1 else f"{rate * 60:.2g} {what} a minute"


def clock(at: float) -> str:
    """ "15:20:11", as this machine's clock shows it."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def ago(seconds: float) -> str:
    if seconds < 1:
        return "just now"
    if seconds < 90:
        return f"{max(0, round(seconds))} s ago"
    return f"{round(seconds / 60)} minutes ago" if seconds < 5400 else f"{round(seconds / 3600)} hours ago"
