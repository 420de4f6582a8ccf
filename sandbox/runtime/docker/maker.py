"""Making containers of instances, ready to be started, and removing them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import InstanceSpec
from sandbox.runtime.docker import labels
from sandbox.runtime.docker.containers import container_name
from sandbox.runtime.docker.engine import Conflict, Engine, NotThere

_GONE_WITHIN = 15.0
"""Seconds that a removal may take which somebody else, or a call that was given up, asked for first."""

_POLL = 0.05


class Maker:
    """Of one project, whose `id` is unique on this machine."""

    def __init__(self, engine: Engine, id: str) -> None:
        self._engine = engine
        self._id = id

    async def make(self, spec: InstanceSpec, body: Mapping[str, Any]) -> str:
        """The new container's id, with what its image lacks of the newest files. What has the name is left over,
        since we know of no such instance. RuntimeFailure."""
        overlay = spec.artifact.overlay
        newer = await asyncio.to_thread(_read, overlay, spec.id) if overlay is not None else b""
        container = await self._create(spec, body)
        if newer:
            try:
                await self.put(container, lambda: newer, spec.id)
            except RuntimeFailure:
                await self.remove(container)
                raise
        return container

    async def put(self, container: str, archive: Callable[[], bytes], place: str) -> None:
        """Unpack a tar archive over the container's root."""
        await self._engine.call(lambda api: api.put_archive(container, "/", archive()), place=place)

    async def remove(self, container: str) -> None:
        """As `remove_container`."""
        await remove_container(self._engine, container)

    async def _create(self, spec: InstanceSpec, body: Mapping[str, Any]) -> str:
        name = container_name(self._id, spec.id)
        for attempt in (1, 2):
            try:
                made = await self._engine.call(lambda api: api.create_container_from_config(body, name), place=spec.id)
                return str(made["Id"])
            except Conflict:
                if attempt == 2:
                    raise
                await self._remove_left_over(name)
            except NotThere as error:
                hint = "build it again: sandbox restart"
                raise RuntimeFailure(f"its image is gone: {error.message}", place=spec.id, hint=hint) from error
        raise AssertionError("unreachable")

    async def _remove_left_over(self, name: str) -> None:
        try:
            found = await self._engine.call(lambda api: api.inspect_container(name))
        except NotThere:
            return
        if (found["Config"].get("Labels") or {}).get(labels.PROJECT) != self._id:
            raise RuntimeFailure(
                f"there is a container {name} that is not ours", place="docker", hint=f"remove it: docker rm -f {name}"
            )
        await self.remove(str(found["Id"]))


async def remove_container(engine: Engine, container: str) -> None:
    """With its anonymous volumes. None is left when this returns, and its name is free. RuntimeFailure."""
    try:
        await engine.call(lambda api: api.remove_container(container, v=True, force=True))
    except NotThere:
        pass
    except Conflict as error:
        if "already in progress" not in error.message:
            raise
        await _until_gone(engine, container)


async def _until_gone(engine: Engine, container: str) -> None:
    with suppress(NotThere):
        try:
            async with asyncio.timeout(_GONE_WITHIN):
                while True:
                    await engine.call(lambda api: api.inspect_container(container))
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise RuntimeFailure(
                f"the engine does not remove the container {container}", place="docker", hint="see: docker ps --all"
            ) from None


def _read(overlay: Path, place: str) -> bytes:
    try:
        return overlay.read_bytes()
    except OSError as error:
        hint = "prepare it again: sandbox restart"
        raise RuntimeFailure(f"{overlay} can't be read: {error.strerror}", place=place, hint=hint) from error
