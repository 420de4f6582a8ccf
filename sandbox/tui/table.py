"""The table of services: which lines, in which order, and what stands in them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sandbox.control import InstanceStatus, ProjectStatus, ServiceStatus, Signals, Status, TelemetrySnapshot
from sandbox.tui.condition import FAILING, Condition, conditions
from sandbox.tui.grid import Cell, Column, Row
from sandbox.tui.numbers import Numbers, Reloaded, Trend, Used
from sandbox.tui.plot import spark
from sandbox.tui.words import (
    NONE,
    TONES,
    Tone,
    clock,
    cores,
    milliseconds,
    percent,
    rate,
    shares,
    size,
    status_text,
)

_GONE = frozenset({Status.STOPPING, Status.STOPPED})
_QUANTILES = ("p50", "p95", "p99")  # all from one window of the same signals
SPARK = 8
"""Characters of the picture of the last minutes."""


COLUMNS = (
    Column("service", "SERVICE", "SERVICE", False, 20, 10),
    Column("status", "STATUS", "STATUS", False, 19, 11),
    Column("ready", "READY", "READY", True, 16, 5),
    Column("rate", "REQ/S", "REQ/S", True, 18, 5),
    Column("spark", "", "", False, 12, SPARK),
    Column("errors", "ERR%", "ERR%", True, 17, 4),
    Column("p50", "P50", "P50", True, 10, 5),
    Column("p95", "P95", "P95", True, 9, 5),
    Column("p99", "P99", "P99", True, 15, 5),
    Column("cpu", "CPU", "CPU", True, 8, 4),
    Column("memory", "MEM", "MEM", True, 7, 4),
    Column("version", "VERSIONS", "VER", False, 13, 3),
    Column("restarts", "RESTARTS", "RST", True, 4, 3),
    Column("reload", "RELOADED", "RELOAD", False, 5, 6),
    Column("address", "ADDRESS", "PORT", False, 6, 6),
)


INSTANCES = (
    Column("service", "INSTANCE", "INSTANCE", False, 20, 10),
    Column("status", "STATUS", "STATUS", False, 19, 11),
    Column("version", "VERSION", "VER", False, 16, 3),
    Column("address", "ADDRESS", "ADDR", False, 15, 6),
    Column("restarts", "RESTARTS", "RST", True, 14, 3),
    Column("process", "PROCESS", "PROCESS", False, 12, 8),
    Column("since", "SINCE", "SINCE", False, 11, 8),
    Column("start", "START", "START", False, 8, 5),
    Column("reason", "REASON", "REASON", False, 13, 6, fills=True),
)


@dataclass(frozen=True, slots=True)
class ServiceRow(Row):
    """A service, or, below one that is opened, one of its instances (none for a version scaled to zero)."""

    service: str = ""
    version: str | None = None
    instance: str | None = None


# --- lines --------------------------------------------------------------------------------------------------------


def rows(
    status: ProjectStatus,
    telemetry: TelemetrySnapshot | None,
    opened: Collection[str] = (),
    wanted: str = "",
    numbers: Numbers | None = None,
    known_as: Mapping[str, Condition] | None = None,
) -> tuple[ServiceRow, ...]:
    """The most urgent first, else as they are declared; `wanted` is a part of their names.

    known_as: how each service is, where more is known about that than states and numbers.
    """
    signals = telemetry.services if telemetry else {}
    how = known_as or conditions(status, telemetry)
    chosen = [service for service in status.services if wanted in service.name]
    ordered = sorted(chosen, key=lambda service: how[service.name].severity)
    known = numbers or Numbers()
    return tuple(
        row
        for service in ordered
        for row in (
            _service_row(service, how[service.name], signals.get(service.name), service.name in opened, known),
            *(_instance_rows(service) if service.name in opened else ()),
        )
    )


def _service_row(
    service: ServiceStatus, condition: Condition, signals: Signals | None, opened: bool, numbers: Numbers
) -> ServiceRow:
    restarts = sum(one.restarts for one in service.instances)
    cells = {
        "service": Cell(f"{service.name} ▾" if opened else service.name),
        "status": Cell(condition.text, condition.tone, condition.short),
        "version": _versions(service, numbers.shares.get(service.name, {})),
        "ready": Cell(f"{service.ready}/{service.replicas}", _ready_tone(service)),
        "restarts": Cell(str(restarts), Tone.BUSY if restarts else Tone.PLAIN),
        "address": _addresses(service),
        **_signal_cells(signals),
        "spark": _trend(numbers.trends.get(service.name)),
        **_used_cells(numbers.used.get(service.name)),
        "reload": _reload(numbers.reloads.get(service.name)),
    }
    return ServiceRow(service.name, cells, service=service.name)


def _versions(service: ServiceStatus, rates: Mapping[str, float]) -> Cell:
    parts = {version: rates.get(version, 0.0) for version in service.versions}
    total = sum(parts.values())
    split = "/".join(f"{part / total * 100:.0f}" for part in parts.values()) if total else ""
    return Cell(shares(parts), short=split if len(parts) > 1 and split else ",".join(service.versions))


def _trend(trend: Trend | None) -> Cell:
    return Cell(spark(trend.rates, SPARK) if trend else "", Tone.OFF)


def _used_cells(used: Used | None) -> dict[str, Cell]:
    if used is None:
        return {name: Cell(NONE, Tone.OFF) for name in ("cpu", "memory")}
    return {"cpu": Cell(cores(used.cpu)), "memory": Cell(size(used.memory))}


def _reload(reload: Reloaded | None) -> Cell:
    if reload is None:
        return Cell(NONE, Tone.OFF)
    if reload.failed:
        return Cell(f"✗ {clock(reload.at)}", Tone.BAD)
    took = f" {reload.seconds:.1f}s" if reload.seconds is not None else ""
    return Cell(f"{clock(reload.at)}{took}", short=clock(reload.at))


def _ready_tone(service: ServiceStatus) -> Tone:
    return Tone.BUSY if service.ready < service.replicas and service.status not in _GONE else Tone.PLAIN


def _signal_cells(signals: Signals | None) -> dict[str, Cell]:
    if signals is None:
        return {name: Cell(NONE, Tone.OFF) for name in ("rate", "errors", *_QUANTILES)}
    busy = signals.requests_per_second > 0
    return {
        "rate": Cell(rate(signals.requests_per_second), Tone.PLAIN if busy else Tone.OFF),
        "errors": Cell(percent(signals.error_ratio), _error_tone(signals)) if busy else Cell(NONE, Tone.OFF),
        **{name: _quantile(getattr(signals, name)) for name in _QUANTILES},
    }


def _quantile(value: float | None) -> Cell:
    return Cell(milliseconds(value), Tone.PLAIN if value is not None else Tone.OFF)


def _error_tone(signals: Signals) -> Tone:
    if signals.error_ratio >= FAILING:
        return Tone.BAD
    return Tone.BUSY if signals.error_ratio else Tone.PLAIN


def _addresses(service: ServiceStatus) -> Cell:
    found = [one.address for one in service.instances if one.address and one.status not in _GONE]
    if not found:
        return Cell(NONE, Tone.OFF)
    more = len(found) - 1
    return Cell(f"{found[0]} +{more}" if more else found[0], short=_port(found[0]) + ("…" if more else ""))


def _port(address: str) -> str:
    """Everything binds loopback, so the port says it all."""
    return f":{address.rpartition(':')[2]}"


def _instance_rows(service: ServiceStatus) -> Iterator[ServiceRow]:
    for version in service.versions:
        found = [one for one in service.instances if one.version == version]
        if not found:
            yield _no_instance(service, version)
        yield from (_instance_row(service, one) for one in found)


def _instance_row(service: ServiceStatus, instance: InstanceStatus) -> ServiceRow:
    address = instance.address
    cells = {
        "service": Cell(f"  {instance.id.removeprefix(f'{service.name}-')}"),
        "status": Cell(status_text(instance.status), TONES[instance.status]),
        "version": Cell(instance.version),
        "restarts": Cell(str(instance.restarts), Tone.BUSY if instance.restarts else Tone.PLAIN),
        "address": Cell(address, short=_port(address)) if address else Cell(NONE, Tone.OFF),
        "process": Cell(f"pid {instance.pid}" if instance.pid else (instance.container or NONE)[:12]),
        "since": Cell((instance.started_at or NONE)[11:19] or NONE, Tone.OFF),
        "start": Cell(instance.start or NONE, Tone.OFF),
        "reason": Cell(instance.reason or "", TONES[instance.status]),
    }
    return ServiceRow(
        instance.id, cells, service.name, service=service.name, version=instance.version, instance=instance.id
    )


def instance_rows(service: ServiceStatus) -> tuple[ServiceRow, ...]:
    """Of the service's own page, with all that is known of each."""
    return tuple(_instance_rows(service))


def _no_instance(service: ServiceStatus, version: str) -> ServiceRow:
    cells = {"service": Cell(f"  {version}"), "status": Cell("none", Tone.OFF), "version": Cell(version)}
    return ServiceRow(f"{service.name}@{version}", cells, service.name, service=service.name, version=version)
