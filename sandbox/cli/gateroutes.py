"""`sandbox stat --routes`: what the gateway led where, by the rule that chose it, and how long that took."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sandbox.cli.figures import milliseconds, rate, share
from sandbox.cli.table import Paint, render
from sandbox.control import Control, Metric, MetricsAnswer, MetricsQuery
from sandbox.model import GATEWAY

WINDOW = 10.0
"""Seconds that are looked back."""

_METRICS = (Metric.REQUESTS, Metric.ERRORS, Metric.P50, Metric.P95, Metric.P99)
_COLUMNS = ("TO", "ROUTE", "REQ/S", "ERRORS", "P50", "P95", "P99")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRoute:
    """Rates per second, quantiles in milliseconds; None where there was no request."""

    service: str  # "" where it led to none
    route: str
    requests_per_second: float
    errors_per_second: float
    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def error_ratio(self) -> float | None:
        return self.errors_per_second / self.requests_per_second if self.requests_per_second else None


async def gateway_routes(control: Control, chosen: Collection[str]) -> tuple[GatewayRoute, ...]:
    """Those that lead to the chosen services, and, where they are all there are, those that lead nowhere."""
    status = await control.status()
    at = (await control.telemetry()).at
    query = MetricsQuery(
        metrics=_METRICS, caller=GATEWAY, by=("callee", "route"), since=at - WINDOW, until=at, whole=True
    )
    everything = len(chosen) == len(status.services)
    found = _routes(await control.metrics.query(query))
    return tuple(one for one in found if one.service in chosen or (everything and not one.service))


def _routes(answer: MetricsAnswer) -> list[GatewayRoute]:
    numbers: dict[tuple[str, str], dict[Metric, float | None]] = {}
    for series in answer.series:
        name = series.labels.get("callee", ""), series.labels.get("route", "")
        numbers.setdefault(name, {})[series.metric] = series.values[0] if series.values else None
    return [
        GatewayRoute(
            service=service,
            route=route,
            requests_per_second=found.get(Metric.REQUESTS) or 0.0,
            errors_per_second=found.get(Metric.ERRORS) or 0.0,
            p50=found.get(Metric.P50),
            p95=found.get(Metric.P95),
            p99=found.get(Metric.P99),
        )
        for (service, route), found in sorted(numbers.items())
    ]


def as_table(routes: Sequence[GatewayRoute], paint: Paint) -> str:
    if not routes:
        return f"nothing came through the gateway in the last {WINDOW:.0f} s\n"
    rows = [
        (
            one.service or "-",
            one.route,
            rate(one.requests_per_second),
            share(one.error_ratio),
            *map(milliseconds, (one.p50, one.p95, one.p99)),
        )
        for one in routes
    ]
    lines = [*render(_COLUMNS, rows, paint), f"of the last {WINDOW:.0f} s"]
    return "".join(f"{line}\n" for line in lines)


def as_json(routes: Sequence[GatewayRoute], *, compact: bool) -> str:
    """compact: one line, for NDJSON."""
    found = {"routes": [{**asdict(one), "error_ratio": one.error_ratio} for one in routes]}
    return json.dumps(found, indent=None if compact else 2) + "\n"
