"""What instances wrote, by service: those that run, and those that were replaced."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.control import LogCounts, LogLine, LogQuery
from sandbox.runtime.base import Output
from sandbox.runtime.logfile import last_lines, log_counts, merge
from sandbox.runtime.shim.journal import Journal
from sandbox.supervisor.cluster import Cluster
from sandbox.supervisor.desired import VersionKey, instance_id

_BUILD = "build"
_RECEIVED = "otlp"
_BUILD_LIMIT = 2 * 1024 * 1024
_REMEMBERED = 5000  # lines


def _stem(key: VersionKey) -> str:
    return instance_id(key.service, key.version, 0)[:-1]


class Logbook:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster: Cluster | None = None
        self._printed: dict[VersionKey, frozenset[str]] = {}
        self._received: dict[VersionKey, Journal] = {}

    def of(self, cluster: Cluster) -> None:
        """Whose instances these are."""
        self._cluster = cluster

    def lines(self, query: LogQuery) -> AsyncIterator[LogLine]:
        return merge(self._folder, self._sources, query)

    def counts(self) -> tuple[LogCounts, ...]:
        """What became of all that instances wrote."""
        found = (log_counts(self._folder / f"{name}.log", service) for name, service in self._sources().items())
        return tuple(counts for counts in found if counts is not None)

    def printed(self, instance: str, since: float, count: int) -> list[str]:
        """The newest `count` lines of an instance, without those older than `since` (seconds since the epoch)."""
        return last_lines(self._folder / f"{instance}.log", count, since)

    def received(self, service: str, version: str, lines: Sequence[str]) -> bool:
        """Keeps lines that came by OTLP beside what the version's instances print. False when there is no such
        service; of a service with one version, that is the one."""
        key = self._key_of(service, version)
        if key is None:
            return False
        if key not in self._received:
            path = self._folder / f"{_stem(key)}{_RECEIVED}.log"
            self._received[key] = Journal(str(path), self._limit())
        for line in lines:
            self._received[key].feed(f"{line}\n".encode(errors="replace"))
        return True

    def close(self) -> None:
        for journal in self._received.values():
            journal.end()
        self._received.clear()

    def _key_of(self, service: str, version: str) -> VersionKey | None:
        keys = [key for key in self._cluster.desired.counts() if key.service == service] if self._cluster else []
        return next((key for key in keys if key.version == version), keys[0] if len(keys) == 1 else None)

    def _limit(self) -> int:
        return self._cluster.desired.project.settings.log_max_bytes if self._cluster else _BUILD_LIMIT

    @contextmanager
    def of_build(self, key: VersionKey) -> Iterator[Output]:
        """Takes the lines of one build. What the build before it printed too says nothing new: with hot reload, every
        save builds. The rest is kept beside what the version's instances write."""
        journal = Journal(str(self._folder / f"{_stem(key)}{_BUILD}.log"), _BUILD_LIMIT)
        before, printed = self._printed.get(key, frozenset()), set[str]()

        def keep(line: str) -> None:
            if line not in before:
                journal.feed(f"{line}\n".encode(errors="replace"))
            if len(printed) < _REMEMBERED:
                printed.add(line)

        try:
            yield keep
        finally:
            journal.end()
            self._printed[key] = frozenset(printed)

    def _sources(self) -> dict[str, str]:
        """Instance → service. What an instance wrote outlives it."""
        if self._cluster is None:
            return {}
        found = {instance.id: instance.service for instance in self._cluster.state.instances.values()}
        names = [path.stem for path in self._folder.glob("*.log")]
        for key in self._cluster.desired.counts():
            pattern = re.compile(rf"{re.escape(_stem(key))}(\d+|{_BUILD}|{_RECEIVED})")
            found |= {name: key.service for name in names if pattern.fullmatch(name)}
        return found
