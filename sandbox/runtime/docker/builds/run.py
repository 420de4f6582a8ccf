"""One build, from its order to its image: what the host's network asks for goes in with it, and is gone afterwards."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Output
from sandbox.runtime.docker.builds import names
from sandbox.runtime.docker.builds.answers import answers
from sandbox.runtime.docker.builds.cleanup import remove_stages
from sandbox.runtime.docker.builds.context import DOCKERFILE, Context, archive, packed
from sandbox.runtime.docker.builds.credentials import for_build
from sandbox.runtime.docker.builds.equip import Equipped, equip
from sandbox.runtime.docker.builds.failure import build_failure
from sandbox.runtime.docker.builds.hostfiles import read_host
from sandbox.runtime.docker.builds.progress import Building
from sandbox.runtime.docker.builds.transfer import Transfer, collect
from sandbox.runtime.docker.engine import Engine, EngineGone

_LOST_STEP = re.compile(r'(unknown parent image ID|unable to find image|No such image:) "?sha256:')
"""What an engine says when somebody removes an image of which it uses the steps: with it go those that have no name,
also while another build starts from them."""

_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    text: str  # the Dockerfile
    tag: str
    context: Context
    labels: Mapping[str, str]
    place: str  # the service, for messages
    dockerfile: str = "the generated Dockerfile"
    arguments: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    ours: bool = False  # its other stages are worth nothing afterwards


class Runner:
    def __init__(self, engine: Engine, project: str, host: Mapping[str, str]) -> None:
        self._engine = engine
        self._project = project
        self._host = host

    async def build(self, order: Order, output: Output) -> None:
        """RuntimeFailure with what the engine or the command said."""
        async with self._engine.room:
            transfer = await self._transfer(output)
            passing = order.ours or bool(transfer.secrets)  # else its stages are the builder's cache
            build = secrets.token_hex(8)
            equipped = self._equipped(order, transfer, build, passing)
            for name in equipped.withheld:
                output(f"{name} is not passed: the final stage of {order.dockerfile} declares it, and would keep it")
            try:
                await self._import_files(transfer, equipped, build)
                await self._send(order, equipped, transfer, output)
            finally:
                if passing or equipped.files_image is not None:
                    await asyncio.shield(remove_stages(self._engine, self._project, build))

    async def _transfer(self, output: Output) -> Transfer:
        found = await asyncio.to_thread(lambda: collect(self._host, read_host(self._host)))
        if found.on_loopback and await self._in_a_machine_of_its_own():
            return found.for_desktop()
        return found

    def _equipped(self, order: Order, transfer: Transfer, build: str, passing: bool) -> Equipped:
        mark = {names.BUILD: build} if passing else {}
        return equip(
            order.text,
            given=order.arguments,
            target=order.target,
            transfer=transfer,
            files_image=names.files_tag(self._project, build) if transfer.files else None,
            labels={**order.labels, names.KIND: "stage", **mark},
        )

    async def _import_files(self, transfer: Transfer, equipped: Equipped, build: str) -> None:
        """An image that holds the transfer's files, which stages copy from. In the context they would end up in what
        `COPY . .` copies."""
        if equipped.files_image is None:
            return
        changes = [f"LABEL {names.PROJECT}={self._project} {names.KIND}=files {names.BUILD}={build}"]
        repository, tag = equipped.files_image.rsplit(":", 1)
        data = packed(transfer.files)
        await self._engine.call(lambda api: api.import_image_from_data(data, repository, tag, changes))

    async def _send(self, order: Order, equipped: Equipped, transfer: Transfer, output: Output) -> None:
        for left in reversed(range(_TRIES)):
            building = await self._build_once(order, equipped, transfer, output)
            if building.error is None:
                return
            if not left or not _LOST_STEP.search(building.error):
                raise build_failure(
                    building.error.replace(DOCKERFILE, order.dockerfile),
                    tuple(building.last),
                    place=order.place,
                    dockerfile=order.dockerfile,
                    extra=_CERTIFICATES if not order.ours and transfer.files else "",
                )
            output("a step that was shared was removed meanwhile: once more")

    async def _build_once(self, order: Order, equipped: Equipped, transfer: Transfer, output: Output) -> Building:
        """EngineGone. Everything else that goes wrong is in `error`."""
        building = Building(output, transfer.masked, equipped.added)
        headers = {"Content-Type": "application/x-tar", **await asyncio.to_thread(for_build, self._host)}
        query = self._query(order, equipped, transfer)
        file = await asyncio.to_thread(archive, order.context, equipped.text)
        try:
            with file:
                async for message in answers(self._engine, "/build", query, headers, place=order.place, body=file):
                    building.hear(message)
        except EngineGone:
            raise
        except RuntimeFailure as failure:  # refused before it began
            building.error = failure.message
        building.end()
        return building

    def _query(self, order: Order, equipped: Equipped, transfer: Transfer) -> dict[str, str]:
        query = {
            "dockerfile": DOCKERFILE,
            "t": order.tag,
            "labels": json.dumps(dict(order.labels)),
            "buildargs": json.dumps(dict(equipped.arguments)),
            "rm": "1",
            "forcerm": "1",
            "version": "1",  # the classic builder, which every engine has
        }
        if order.target is not None:
            query["target"] = order.target
        if transfer.on_loopback:
            query["networkmode"] = "host"
        return query

    async def _in_a_machine_of_its_own(self) -> bool:
        info = await self._engine.call(lambda api: api.info())
        return "desktop" in str(info.get("OperatingSystem", "")).lower()


_CERTIFICATES = (
    "install packages in an earlier stage (FROM … AS …): it gets this machine's certificates, "
    "which would stay in the image if the final stage had them"
)
