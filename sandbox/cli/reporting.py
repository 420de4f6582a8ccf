"""`sandbox report`: one self-contained HTML file of the last minutes."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from sandbox import __version__
from sandbox.cli.project import talk
from sandbox.control import Control, TraceQuery, markers
from sandbox.errors import SandboxError
from sandbox.files import write_atomic
from sandbox.pictures.callgraph import call_graph
from sandbox.pictures.panels import panels, query
from sandbox.pictures.report import Gathered, report

T = TypeVar("T")
D = TypeVar("D")

_MOST_TRACES = 20
_MOST_REVISIONS = 30


def run(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        gathered = await Gathering(control, time.time(), options.span).everything()
        print(_written(gathered, options.to))
        for text in gathered.missing:
            print(f"note: {text}", file=sys.stderr)
        return 0

    return talk(options, conversation)


def _written(gathered: Gathered, name: str | None) -> Path:
    file = Path(name or f"{gathered.status.project}-{time.strftime('%Y%m%d-%H%M%S')}.html").absolute()
    _write(file, report(gathered))
    return file


def _write(file: Path, html: str) -> None:
    """SandboxError when it can't be."""
    try:
        write_atomic(file, html.encode())
    except OSError as error:
        raise SandboxError(
            f"can't be written: {error.strerror}", place=str(file), hint="name another place with --to"
        ) from error


class Gathering:
    """Asks for everything; what can't be had is said in the report, and keeps nothing else from it."""

    def __init__(self, control: Control, now: float, seconds: float) -> None:
        self._control = control
        self._now = now
        self._seconds = seconds
        self._missing: list[str] = []

    async def everything(self) -> Gathered:
        control, since = self._control, self._now - self._seconds
        status = await control.status()
        events = [event async for event in control.events() if event.at >= since]
        graph = await self._tried("the graph", control.metrics.graph(), None)
        revisions = await self._tried("the policies' history", control.traffic.history(_MOST_REVISIONS), ())
        slow = TraceQuery(since=since, slowest=True, limit=_MOST_TRACES)
        failed = TraceQuery(since=since, errors=True, limit=_MOST_TRACES)

        async def charts(service: str) -> tuple[str, ...]:
            answer = await control.metrics.query(query(service, since, self._now))
            marks = markers(events, since=since, until=self._now, service=service, together=self._seconds / 120)
            return tuple(panels(answer, marks))

        return Gathered(
            at=self._now,
            seconds=self._seconds,
            version=__version__,
            status=status,
            graph=graph,
            graph_picture=call_graph(graph) if graph is not None else "",
            charts={service.name: await self._tried("charts", charts(service.name), ()) for service in status.services},
            slowest=await self._tried("the slowest requests", control.traces.search(slow), ()),
            failed=await self._tried("the failed requests", control.traces.search(failed), ()),
            alerts=await self._tried("alerts", control.alerts.alerts(resolved=True), ()),
            diagnosis=await self._tried("causes", control.diagnosis.why(), None),
            revisions=revisions,
            diffs={one.number: await self._diff(one.number) for one in revisions if one.number > 1},
            events=events,
            missing=tuple(dict.fromkeys(self._missing)),
        )

    async def _diff(self, number: int) -> str:
        return await self._tried("differences", self._control.traffic.diff(number - 1, number), "")

    async def _tried(self, what: str, asked: Awaitable[T], otherwise: D) -> T | D:
        try:
            return await asked
        except SandboxError as error:
            self._missing.append(f"{what} could not be had: {error}")
            return otherwise
