"""What instances wrote, by service: those that run, and those that were replaced."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

from sandbox.control import LogLine, LogQuery
from sandbox.runtime.logfile import last_lines, merge
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.desired import instance_id

_EVIDENCE_LINES = 10


class Logbook:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster: Cluster | None = None

    def of(self, cluster: Cluster) -> None:
        """Whose instances these are."""
        self._cluster = cluster

    def lines(self, query: LogQuery) -> AsyncIterator[LogLine]:
        return merge(self._folder, self._sources, query)

    def last_lines(self, instance: str) -> str:
        return "\n".join(last_lines(self._folder / f"{instance}.log", _EVIDENCE_LINES))

    def _sources(self) -> dict[str, str]:
        """Instance → service. What an instance wrote outlives it."""
        if self._cluster is None:
            return {}
        found = {instance.id: instance.service for instance in self._cluster.state.instances.values()}
        names = [path.stem for path in self._folder.glob("*.log")]
        for key in self._cluster.desired.counts():
            pattern = re.compile(re.escape(instance_id(key.service, key.version, 0)[:-1]) + r"\d+")
            found |= {name: key.service for name in names if pattern.fullmatch(name)}
        return found
