"""Numbers as people read them."""

from __future__ import annotations

from sandbox.control import Metric

_LATENCIES = (Metric.P50, Metric.P90, Metric.P95, Metric.P99)
_BYTES = (Metric.MEMORY, Metric.BYTES_IN, Metric.BYTES_OUT)
_UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))
_RATES = frozenset(
    {
        Metric.REQUESTS,
        Metric.ERRORS,
        Metric.CLIENT_ERRORS,
        Metric.RETRIES,
        Metric.TIMEOUTS,
        Metric.EJECTIONS,
        Metric.OVERFLOWS,
        Metric.RATE_LIMITED,
        Metric.FAULTS,
        Metric.DENIED,
    }
)


def percent(share: float) -> str:
    shown = share * 100
    return f"{shown:.0f} %" if shown >= 10 or shown == round(shown) else f"{shown:.1f} %"


def milliseconds(value: float) -> str:
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"


def size(value: float) -> str:
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value:.0f} bytes"


def per_second(value: float) -> str:
    return f"{value:.3g}/s"


def shown(metric: Metric, value: float) -> str:
    """With its unit."""
    if metric is Metric.ERROR_RATIO:
        return percent(value)
    if metric in _LATENCIES:
        return milliseconds(value)
    if metric in _BYTES:
        return size(value) + ("" if metric is Metric.MEMORY else "/s")
    return per_second(value) if metric in _RATES else f"{value:.3g}"
