"""`sandbox ps`: what runs, how it is and where to open it."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.table import display_width, render
from sandbox.cli.times import age
from sandbox.cli.watch import held_back
from sandbox.cli.wrap import width_of
from sandbox.control import Control, InstanceStatus, ProjectStatus, ServiceStatus, Status, WatchState

STATUS_COLOURS: Mapping[str, str] = {
    Status.HEALTHY: "green",
    Status.UNHEALTHY: "red",
    Status.BACKOFF: "red",
    Status.FAILED: "red",
    Status.STOPPED: "grey",
}
_COLUMNS = ("SERVICE", "STATUS", "READY", "VERSION", "RESTARTS", "AGE", "ADDRESS", "REASON")

_SHORT_ID = 12
"""Of a container, as other tools show it."""


def run(options: Namespace) -> int:
    async def show(control: Control) -> int:
        status = await control.status()
        sys.stdout.write(_text(status, options))
        return 0

    return talk(options, show)


def _text(status: ProjectStatus, options: Namespace) -> str:
    if options.output == "json":
        return json.dumps(asdict(status), indent=2) + "\n"
    if options.output == "yaml":
        import yaml

        return yaml.safe_dump(json.loads(json.dumps(asdict(status))), sort_keys=False, allow_unicode=True)
    return as_table(
        status, time.time(), with_instances=options.all, width=width_of(sys.stdout) or None, style=Style.of(sys.stdout)
    )


def as_table(status: ProjectStatus, now: float, *, with_instances: bool, width: int | None, style: Style) -> str:
    """The header, one row a service (and one an instance), and what else a person must know.

    now: seconds since the epoch. width: of the terminal, None for no limit.
    """
    rows = list(_rows(status, now, with_instances))
    lines = [*_header(status), "", *_table(rows, width, style), *_notes(status)]
    return "".join(f"{line}\n" for line in lines)


def _table(rows: Sequence[tuple[str, ...]], width: int | None, style: Style) -> list[str]:
    """With the reasons below where they would not fit beside."""

    def paint(column: str, text: str) -> str:
        return style.paint(text, STATUS_COLOURS.get(text.strip(), "yellow")) if column == "STATUS" else text

    if width is None or max(map(display_width, render(_COLUMNS, rows))) <= width:
        return render(_COLUMNS, rows, paint)
    reasons = [f"{row[0].strip()}: {row[-1]}" for row in rows if row[-1]]
    return render(_COLUMNS[:-1], [row[:-1] for row in rows], paint) + reasons


def _header(status: ProjectStatus) -> Iterator[str]:
    places = [("gateway", status.gateway), ("ui", status.ui)]
    yield " · ".join([f"{status.project} ({status.runtime})", *(f"{name} {url}" for name, url in places if url)])


def _notes(status: ProjectStatus) -> Iterator[str]:
    if status.proxy.status is not Status.HEALTHY:
        yield f"proxy: {status.proxy.status}" + (f": {status.proxy.reason}" if status.proxy.reason else "")
    for words in status.proxy.rejected:
        yield f"proxy refused: {words}"
    for service in status.services:
        for one in service.passed_over:
            yield f"warning: {one.sentence}"
    for warning in status.warnings:
        yield f"warning: {warning}"
    if status.watch.state is WatchState.PAUSED:
        yield f"watching is paused: {held_back(status.watch)}"
    for notice in status.notices:
        yield f"note: {notice}"


def _rows(status: ProjectStatus, now: float, with_instances: bool) -> Iterator[tuple[str, ...]]:
    for service in status.services:
        yield _service_row(service, now)
        if with_instances:
            for instance in service.instances:
                yield _instance_row(instance, now)


def _service_row(service: ServiceStatus, now: float) -> tuple[str, ...]:
    started = [instance.started_at for instance in service.instances if instance.started_at]
    return (
        service.name,
        service.status,
        f"{service.ready}/{service.replicas}" if service.replicas else "–",  # none is wanted
        ",".join(service.versions),
        _count(sum(instance.restarts for instance in service.instances)),
        _age(min(started, default=None), now),
        service.url or ",".join(service.ports),
        service.reason or "",
    )


def _instance_row(instance: InstanceStatus, now: float) -> tuple[str, ...]:
    where = (instance.container or "")[:_SHORT_ID] or (f"pid {instance.pid}" if instance.pid else "")
    return (
        f"  {instance.id}",
        instance.status,
        "",
        instance.version,
        _count(instance.restarts),
        _age(instance.started_at, now),
        " ".join(filter(None, (instance.address, where))),
        instance.reason or "",
    )


def _count(number: int) -> str:
    """Nothing for none, so that the column goes when nothing ever restarted."""
    return str(number) if number else ""


def _age(started_at: str | None, now: float) -> str:
    return age(now - datetime.fromisoformat(started_at).timestamp()) if started_at else ""
