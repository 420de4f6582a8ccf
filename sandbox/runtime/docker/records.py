"""What is known of the containers that run, by instance and by container."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.runtime.base import Running
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.ends import moment

UNHEARD = 128 + signal.SIGKILL
"""The exit code of what was removed, where nobody heard it end."""


@dataclass(slots=True, eq=False)
class Record:
    """One container, from its making to its removal."""

    container: str
    instance: str
    service: str
    version: str
    running: Running | None = None  # once it runs
    stop_asked: bool = False
    code: int = UNHEARD  # as the engine tells it
    stopped_by: int | None = None  # the signal that somebody else had the engine send
    started: asyncio.Event = field(default_factory=asyncio.Event)  # or failed to
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    told: bool = False  # its end is in the queue of exits


class Records:
    def __init__(self) -> None:
        self._by_container: dict[str, Record] = {}
        self._by_instance: dict[str, Record] = {}

    def add(self, record: Record) -> None:
        self._by_container[record.container] = record
        self._by_instance[record.instance] = record

    def remove(self, record: Record) -> None:
        self._by_container.pop(record.container, None)
        if self._by_instance.get(record.instance) is record:
            del self._by_instance[record.instance]

    def of_container(self, container: str) -> Record | None:
        return self._by_container.get(container)

    def of_instance(self, instance: str) -> Record | None:
        """The newest one."""
        return self._by_instance.get(instance)

    def alive(self, instance: str) -> Record | None:
        record = self._by_instance.get(instance)
        return record if record is not None and not record.ended.is_set() else None

    def numbers(self, service: str, prefix: str) -> set[int]:
        """Of the service's instances with ids that begin like this, until all of them is removed."""
        ids = [record.instance for record in self._by_container.values() if record.service == service]
        ends = [id.removeprefix(prefix) for id in ids if id.startswith(prefix)]
        return {int(end) for end in ends if end.isdigit()}

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._by_container.values()))


def running_of(details: Mapping[str, Any], address: str | None = None) -> Running:
    """From the engine's description of a container. `address`: when it is known; else the first it has."""
    state, marks = details.get("State") or {}, (details.get("Config") or {}).get("Labels") or {}
    networks = ((details.get("NetworkSettings") or {}).get("Networks") or {}).values()
    found = next((one["IPAddress"] for one in networks if one.get("IPAddress")), "")
    return Running(
        id=str(marks.get(labels.INSTANCE, "")),
        pid=int(state.get("Pid") or 0) or None,
        container=str(details["Id"]),
        started_at=moment(str(state.get("StartedAt", ""))) or 0.0,
        host=address or found,
    )
