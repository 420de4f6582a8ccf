"""What steering needs of the rest: the file's words, the proxy, numbers, recorded requests."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sandbox.control import Document, GoldenSignals
from sandbox.events import Bus
from sandbox.model import Project, TrafficPolicy
from sandbox.traffic.whatif import Recorded

Documents = Mapping[str, Document]
Policies = Mapping[str, TrafficPolicy]


class Serving(Protocol):
    """The proxy, with what else the project that was read asks of it."""

    def publish(self, policies: Policies) -> None:
        """Without waiting for the proxy."""
        ...

    async def offer(self, policies: Policies) -> None:
        """Returns when the proxy serves them, or can't be asked. ProxyError when it refuses them; it then serves what
        it served before, all of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    project: Callable[[], Project]  # in force
    parse: Callable[[Project, Documents], Policies]  # ConfigError with places in the documents
    document: Callable[[TrafficPolicy], Document]  # `parse` makes the same policy of it
    enforce: Callable[[Policies], Awaitable[str]]
    """Returns when the proxy serves them, with a remark when that could not be seen; ProxyError when it refuses them,
    and then serves what it served before."""
    ready: Callable[[], Mapping[str, frozenset[str]]]  # versions that take traffic, by service
    golden: Callable[[str, str | None, float], Awaitable[GoldenSignals | None]]  # of a service or version, since when
    recorded: Callable[[], Sequence[Recorded]]  # the oldest first
    save: Callable[[Documents], Path]  # of these services into the project's file, an empty one out of it
    bus: Bus
    recorded_headers: Callable[[], frozenset[str]] = frozenset  # that they have; nothing is known of others
    clock: Callable[[], float] = time.time
