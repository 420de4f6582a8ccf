"""The table of services: which lines, in which order, what stands in them, and which columns fit. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.control import InstanceStatus, ProjectStatus, ServiceStatus, Signals, Status, TelemetrySnapshot
from sandbox.tui.words import NONE, TONES, Tone, milliseconds, percent, rate, status_text

_TROUBLE = frozenset({Status.FAILED, Status.BACKOFF, Status.UNHEALTHY})
_GONE = frozenset({Status.STOPPING, Status.STOPPED})
_LONGEST_NAME = 28
_HIGH_ERROR_RATIO = 0.05


class Cell(NamedTuple):
    """short: what stands there where room is scarce."""

    text: str
    tone: Tone = Tone.PLAIN
    short: str | None = None

    def shown(self, short: bool) -> str:
        return self.short if short and self.short is not None else self.text


class Column(NamedTuple):
    """weight: the columns with the lowest go first when they do not all fit. least: keeps numbers from jumping."""

    name: str
    title: str
    short: str
    right: bool
    weight: int
    least: int


COLUMNS = (
    Column("service", "SERVICE", "SERVICE", False, 10, 10),
    Column("status", "STATUS", "STATUS", False, 9, 11),
    Column("version", "VERSION", "VER", False, 3, 2),
    Column("ready", "READY", "READY", True, 8, 5),
    Column("rate", "REQ/S", "REQ/S", True, 7, 5),
    Column("errors", "ERR%", "ERR%", True, 6, 4),
    Column("p50", "P50", "P50", True, 4, 5),
    Column("p99", "P99", "P99", True, 5, 5),
    Column("restarts", "RESTARTS", "RST", True, 2, 3),
    Column("address", "ADDRESS", "ADDR", False, 1, 6),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A service, or, below one that is opened, one of its instances (none for a version scaled to zero)."""

    key: str
    service: str
    version: str | None
    instance: str | None
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Layout:
    columns: tuple[tuple[Column, int], ...]  # with their widths
    gap: int
    short: bool

    @property
    def width(self) -> int:
        return sum(width for _, width in self.columns) + self.gap * (len(self.columns) - 1)


# --- lines --------------------------------------------------------------------------------------------------------


def rows(
    status: ProjectStatus, telemetry: TelemetrySnapshot | None, opened: Collection[str] = (), wanted: str = ""
) -> tuple[Row, ...]:
    """Services in trouble first, else as they are declared; `wanted` is a part of their names."""
    chosen = [service for service in status.services if wanted in service.name]
    ordered = sorted(chosen, key=lambda service: service.status not in _TROUBLE)
    signals = telemetry.services if telemetry else {}
    return tuple(
        row
        for service in ordered
        for row in (
            _service_row(service, signals.get(service.name), service.name in opened),
            *(_instance_rows(service) if service.name in opened else ()),
        )
    )


def _service_row(service: ServiceStatus, signals: Signals | None, opened: bool) -> Row:
    restarts = sum(one.restarts for one in service.instances)
    cells = {
        "service": Cell(f"{service.name} ▾" if opened else service.name),
        "status": Cell(status_text(service.status), TONES[service.status]),
        "version": Cell(",".join(service.versions)),
        "ready": Cell(f"{service.ready}/{service.replicas}", _ready_tone(service)),
        "restarts": Cell(str(restarts), Tone.BUSY if restarts else Tone.PLAIN),
        "address": _addresses(service),
        **_signal_cells(signals),
    }
    return Row(service.name, service.name, None, None, cells)


def _ready_tone(service: ServiceStatus) -> Tone:
    return Tone.BUSY if service.ready < service.replicas and service.status not in _GONE else Tone.PLAIN


def _signal_cells(signals: Signals | None) -> dict[str, Cell]:
    if signals is None:
        return {name: Cell(NONE, Tone.OFF) for name in ("rate", "errors", "p50", "p99")}
    busy = signals.requests_per_second > 0
    return {
        "rate": Cell(rate(signals.requests_per_second), Tone.PLAIN if busy else Tone.OFF),
        "errors": Cell(percent(signals.error_ratio), _error_tone(signals)) if busy else Cell(NONE, Tone.OFF),
        "p50": Cell(milliseconds(signals.p50), Tone.PLAIN if signals.p50 is not None else Tone.OFF),
        "p99": Cell(milliseconds(signals.p99), Tone.PLAIN if signals.p99 is not None else Tone.OFF),
    }


def _error_tone(signals: Signals) -> Tone:
    if signals.error_ratio >= _HIGH_ERROR_RATIO:
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


def _instance_rows(service: ServiceStatus) -> Iterator[Row]:
    for version in service.versions:
        found = [one for one in service.instances if one.version == version]
        if not found:
            yield _no_instance(service, version)
        yield from (_instance_row(service, one) for one in found)


def _instance_row(service: ServiceStatus, instance: InstanceStatus) -> Row:
    address = instance.address
    cells = {
        "service": Cell(f"  {instance.id.removeprefix(f'{service.name}-')}"),
        "status": Cell(status_text(instance.status), TONES[instance.status]),
        "version": Cell(instance.version),
        "restarts": Cell(str(instance.restarts), Tone.BUSY if instance.restarts else Tone.PLAIN),
        "address": Cell(address, short=_port(address)) if address else Cell(NONE, Tone.OFF),
    }
    return Row(instance.id, service.name, instance.version, instance.id, cells)


def _no_instance(service: ServiceStatus, version: str) -> Row:
    cells = {"service": Cell(f"  {version}"), "status": Cell("none", Tone.OFF), "version": Cell(version)}
    return Row(f"{service.name}@{version}", service.name, version, None, cells)


# --- columns ------------------------------------------------------------------------------------------------------


def fit(lines: Sequence[Row], room: int) -> Layout:
    """The most columns that fit: first spacious, then with short words, then closer, then without the lightest."""
    columns = list(COLUMNS)
    for short, gap in ((False, 2), (True, 2), (True, 1)):
        layout = _layout(columns, lines, gap, short)
        if layout.width <= room:
            return layout
    while layout.width > room and len(columns) > 2:
        columns.remove(min(columns, key=lambda column: column.weight))
        layout = _layout(columns, lines, 1, True)
    roomier = _layout(columns, lines, 2, True)
    return roomier if roomier.width <= room else layout


def _layout(columns: Sequence[Column], lines: Sequence[Row], gap: int, short: bool) -> Layout:
    return Layout(tuple((column, _width(column, lines, short)) for column in columns), gap, short)


def _width(column: Column, lines: Sequence[Row], short: bool) -> int:
    texts = [line.cells[column.name].shown(short) for line in lines if column.name in line.cells]
    widest = max([len(column.short if short else column.title), column.least, *map(len, texts)])
    return min(widest, _LONGEST_NAME)


def placed(text: str, column: Column, width: int) -> str:
    """`text` in exactly `width` columns."""
    if len(text) > width:
        text = f"{text[: width - 1]}…"
    return text.rjust(width) if column.right else text.ljust(width)
