"""How conditions of alerts are written: `error_ratio(orders) > 5%`, `p99(gateway -> storefront) > 300ms`. Pure."""

from __future__ import annotations

import re

from sandbox.config import durations, sizes
from sandbox.control import Metric
from sandbox.model import AlertCondition

EXAMPLES = "error_ratio(orders) > 5%, p99(orders) > 300ms, requests(gateway -> shop) < 1"

_FORM = re.compile(
    r"(?P<metric>[a-z0-9_]+)\s*(\(\s*((?P<caller>[\w.-]+)\s*(->|→)\s*)?(?P<service>[\w.-]+|\*)\s*\))?"
    r"\s*(?P<sign>[<>])\s*(?P<threshold>\S+)"
)
_LATENCIES = (Metric.P50, Metric.P90, Metric.P95, Metric.P99)
_BYTES = (Metric.MEMORY, Metric.BYTES_IN, Metric.BYTES_OUT)
_OF_INSTANCES = (Metric.CPU, Metric.MEMORY, Metric.OPEN_FILES, Metric.RESTARTS)


def parse_condition(text: str) -> AlertCondition:
    """ValueError with a sentence that continues "when …" for anything else."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError("is no condition")
    metric = _metric(found["metric"])
    caller, service = found["caller"], found["service"]
    if caller and service == "*":
        raise ValueError("has a caller and no service that it calls")
    if caller and metric in _OF_INSTANCES:
        raise ValueError(f"asks for {metric} of an edge, and only instances have that")
    return AlertCondition(
        metric=metric,
        threshold=_threshold(metric, found["threshold"]),
        above=found["sign"] == ">",
        service=None if service == "*" else service,
        caller=caller,
    )


def format_condition(condition: AlertCondition) -> str:
    """What `parse_condition` reads back."""
    subject = condition.service or "*"
    if condition.caller:
        subject = f"{condition.caller} -> {subject}"
    sign = ">" if condition.above else "<"
    return f"{condition.metric}({subject}) {sign} {_written(Metric(condition.metric), condition.threshold)}"


def _metric(word: str) -> Metric:
    try:
        return Metric(word)
    except ValueError:
        raise ValueError(f"names {word}, which is not measured; there are {', '.join(Metric)}") from None


def _threshold(metric: Metric, text: str) -> float:
    try:
        if metric is Metric.ERROR_RATIO:
            return _ratio(text)
        if metric in _LATENCIES:
            return round(durations.parse_duration(text) * 1000, 3)
        if metric in _BYTES:
            return float(sizes.parse_size(text.removesuffix("/s")))
        return _number(text.removesuffix("/s"))
    except ValueError:
        raise ValueError(f"compares {metric} with {text!r}; write it like {_example(metric)}") from None


def _ratio(text: str) -> float:
    share = _number(text[:-1]) / 100 if text.endswith("%") else _number(text)
    if share > 1:
        raise ValueError
    return share


def _number(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        raise ValueError
    return float(text)


def _example(metric: Metric) -> str:
    if metric is Metric.ERROR_RATIO:
        return "5% or 0.05"
    if metric in _LATENCIES:
        return "300ms"
    return "200M" if metric in _BYTES else "0.5"


def _written(metric: Metric, threshold: float) -> str:
    if metric is Metric.ERROR_RATIO:
        return f"{threshold:.10g}"
    if metric in _LATENCIES:
        return durations.format_duration(threshold / 1000)
    if metric in _BYTES:
        return sizes.format_size(round(threshold))
    return f"{threshold:.10f}".rstrip("0").rstrip(".")
