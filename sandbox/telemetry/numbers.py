"""The numbers' part of the control: what is now, from the last readings; what was, from the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sandbox.control import (
    Graph,
    InstanceUsage,
    MetricsAnswer,
    MetricsControl,
    MetricsQuery,
    ProjectStatus,
)
from sandbox.telemetry.exposition import Totals, exposition
from sandbox.telemetry.graph import graph
from sandbox.telemetry.recorder import Recorder
from sandbox.telemetry.signals import Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is asked of the rest of the system, at the time of a question."""

    status: Callable[[], ProjectStatus]
    external: Callable[[], Collection[str]]  # services that are hosts outside
    usage: Callable[[], tuple[InstanceUsage, ...]]


class Numbers(MetricsControl):
    def __init__(self, past: Past, recorder: Recorder, facts: Facts) -> None:
        self._past = past
        self._recorder = recorder
        self._facts = facts

    async def query(self, query: MetricsQuery) -> MetricsAnswer:
        return await self._recorder.query(query)

    async def usage(self) -> tuple[InstanceUsage, ...]:
        return self._facts.usage()

    async def graph(self) -> Graph:
        counted = self._past.counted(time.monotonic())
        return graph(self._facts.status(), counted, time.time(), self._facts.external())

    async def prometheus(self) -> str:
        return exposition(
            Totals(
                project=self._facts.status().project,
                counted=self._past.totals,
                gauges=self._past.gauges,
                usage=self._facts.usage(),
            )
        )
