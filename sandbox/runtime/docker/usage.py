"""What containers use: read from their control groups where these are this machine's, else asked of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Running, Usage
from sandbox.runtime.docker.engine import Engine
from sandbox.runtime.procusage import of_container


async def usage_of(engine: Engine, containers: Sequence[Running]) -> tuple[Usage, ...]:
    read = await asyncio.to_thread(_read, containers)
    missing = [one for one in containers if one.id not in read]
    asked = await asyncio.gather(*(_asked(engine, one) for one in missing))
    return (*read.values(), *(one for one in asked if one is not None))


def _read(containers: Sequence[Running]) -> dict[str, Usage]:
    found = (of_container(one.id, one.pid, one.container) for one in containers if one.pid and one.container)
    return {one.id: one for one in found if one is not None}


async def _asked(engine: Engine, running: Running) -> Usage | None:
    try:
        answer = await engine.call(lambda api: api.stats(running.container, stream=False, one_shot=True))
    except RuntimeFailure:
        return None  # it is just ending, or the engine is
    return told(running.id, answer)


def told(id: str, answer: Mapping[str, Any]) -> Usage | None:
    """The engine's `stats`: https://docs.docker.com/reference/api/engine/version/v1.47/#operation/ContainerStats. None
    of a container that has ended."""
    memory = answer.get("memory_stats") or {}
    cpu = ((answer.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    if cpu is None or "usage" not in memory:
        return None
    details = memory.get("stats") or {}
    idle = details.get("inactive_file", details.get("total_inactive_file", 0))
    return Usage(
        id=id,
        cpu_seconds=cpu / 1e9,
        memory=max(0, int(memory["usage"]) - int(idle)),
        memory_limit=int(memory["limit"]) if memory.get("limit") else None,
        open_files=None,
    )
