"""`sandbox stat`: the golden signals of services, of each edge that leads to them, or of the gateway's routes."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict

from sandbox.cli import gateroutes
from sandbox.cli.figures import milliseconds, rate, share
from sandbox.cli.project import talk
from sandbox.cli.repeat import shown
from sandbox.cli.style import Style
from sandbox.cli.table import Paint, render
from sandbox.control import Control, Edge, ProjectStatus, Signals, TelemetrySnapshot
from sandbox.errors import NotFoundError

_SERVICES = ("SERVICE", "READY", "REQ/S", "ERRORS", "P50", "P99")
_EDGES = ("FROM", "TO", "VERSION", "REQ/S", "ERRORS", "P50", "P99")

_WARN_FROM, _BAD_FROM = 0.001, 0.01
"""Shares of failed requests from which they are yellow, and red."""

_IDLE = Signals(window=0.0, requests_per_second=0.0, errors_per_second=0.0, p50=None, p99=None)


def run(options: Namespace) -> int:
    style = Style.of(sys.stdout)

    async def conversation(control: Control) -> int:
        async def text() -> str:
            status = await control.status()
            chosen = chosen_services(status, options.services)
            if options.routes:
                routes = await gateroutes.gateway_routes(control, chosen)
                if options.output == "json":
                    return gateroutes.as_json(routes, compact=options.watch)
                return gateroutes.as_table(routes, painter(style))
            snapshot = await control.telemetry()
            if options.output == "json":
                return as_json(chosen, snapshot, edges=options.edges, compact=options.watch)
            if options.edges:
                return as_edges(chosen, snapshot, style)
            return as_services(status, chosen, snapshot, style)

        return await shown(text, again=options.watch)

    return talk(options, conversation)


def chosen_services(status: ProjectStatus, names: Sequence[str]) -> tuple[str, ...]:
    """In the order of the file; NotFoundError for a name that is none."""
    known = [service.name for service in status.services]
    for name in names:
        if name not in known:
            raise NotFoundError("no such service", place=name, hint=f"there are {', '.join(known)}")
    return tuple(name for name in known if not names or name in names)


def as_services(status: ProjectStatus, chosen: Collection[str], snapshot: TelemetrySnapshot, style: Style) -> str:
    rows = [
        (service.name, f"{service.ready}/{service.replicas}", *_cells(snapshot.services.get(service.name, _IDLE)))
        for service in status.services
        if service.name in chosen
    ]
    return _table(_SERVICES, rows, style, snapshot)


def as_edges(chosen: Collection[str], snapshot: TelemetrySnapshot, style: Style) -> str:
    """Those that lead to the chosen services."""
    edges = [edge for edge in snapshot.edges if edge.callee in chosen]
    if not edges:
        return "nobody has called any of them yet\n"
    return _table(_EDGES, [_edge_row(edge) for edge in edges], style, snapshot)


def _edge_row(edge: Edge) -> tuple[str, ...]:
    version = "" if edge.version == "*" else edge.version  # a TCP service's connections are counted together
    return edge.caller, edge.callee, version, *_cells(edge.signals)


def _cells(signals: Signals) -> tuple[str, str, str, str]:
    asked = signals.requests_per_second
    failed = share(signals.error_ratio if asked else None)
    return rate(asked), failed, milliseconds(signals.p50), milliseconds(signals.p99)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], style: Style, snapshot: TelemetrySnapshot) -> str:
    window = max((edge.signals.window for edge in snapshot.edges), default=0.0)
    lines = render(columns, rows, painter(style))
    if window:
        lines.append(style.paint(f"of the last {window:.0f} s", "grey"))
    return "".join(f"{line}\n" for line in lines)


def painter(style: Style) -> Paint:
    def paint(column: str, text: str) -> str:
        if column == "ERRORS" and (colour := _colour(text.strip())):
            return style.paint(text, colour)
        return style.paint(text, "grey") if text.strip() in ("-", "0") else text

    return paint


def _colour(text: str) -> str | None:
    if not text.endswith("%") or text == "0%":
        return None
    ratio = float(text.strip("<%")) / 100
    return "red" if ratio >= _BAD_FROM else "yellow" if ratio >= _WARN_FROM else None


def as_json(chosen: Collection[str], snapshot: TelemetrySnapshot, *, edges: bool, compact: bool = False) -> str:
    """compact: one line, for NDJSON."""
    found: dict[str, object] = {"at": snapshot.at, "services": dict(_services(chosen, snapshot))}
    if edges:
        found["edges"] = [asdict(edge) for edge in snapshot.edges if edge.callee in chosen]
    return json.dumps(found, indent=None if compact else 2) + "\n"


def _services(chosen: Collection[str], snapshot: TelemetrySnapshot) -> Iterator[tuple[str, object]]:
    for name in chosen:
        signals = snapshot.services.get(name, _IDLE)
        yield name, {**asdict(signals), "error_ratio": signals.error_ratio}
