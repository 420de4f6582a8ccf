"""One container standing by for each version that is being worked on: had ready, taken, renewed, let go.

All of it happens in the background and delays no start: one that finds nothing ready, or not what it needs, is cold.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import InstanceSpec, Running
from sandbox.runtime.docker.builds.context import ignored, scan
from sandbox.runtime.docker.engine import Engine
from sandbox.runtime.docker.inside import Inside
from sandbox.runtime.docker.maker import Maker
from sandbox.runtime.docker.networks import Attachment, Networks
from sandbox.runtime.docker.records import Records, running_of
from sandbox.runtime.docker.standby import held
from sandbox.runtime.docker.standby.command import command_of
from sandbox.runtime.docker.standby.look import modules_in
from sandbox.runtime.docker.standby.mould import Hold, command_in, fits, named, next_number, renamed, standing_by
from sandbox.runtime.docker.stream import Streams
from sandbox.runtime.zygote.sources import imported
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

SETTLE = 1.0
"""Seconds of quiet after a version's last start or end, for the next start has its processor and its number then."""

LINGER = 900.0
"""Seconds without a save after which nothing stands by any more."""

HERE_WITHIN = 10.0
"""Seconds after which a program that has not said `here` is taken for one that runs, and ended."""

READY_WITHIN = 60.0
GOES_ON_WITHIN = 3.0

MOST_REFUSALS = 3
"""Failures in a row before a version is given up."""

_MOST_SOURCES = 2000
_LARGEST_SOURCE = 1024 * 1024

Describe = Callable[[InstanceSpec, Attachment], dict[str, Any]]
"""The body of a request for an instance's container."""


@dataclass(frozen=True, slots=True)
class Standby:
    container: str
    spec: InstanceSpec  # that it was made for; the start's own is like it but for variables and newer files
    hold: Hold
    body: Mapping[str, Any]
    attachment: Attachment


@dataclass(slots=True)
class Site:
    """One version of a service."""

    spec: InstanceSpec  # of its newest start
    standby: Standby | None = None
    refusals: int = 0
    hopeless: str = ""  # why our hook can't hold it
    used: float = field(default_factory=time.monotonic)
    working: asyncio.Lock = field(default_factory=asyncio.Lock)


class Standbys:
    """`lock` is the one under which an instance with that id is made, ended and removed."""

    def __init__(
        self,
        engine: Engine,
        streams: Streams,
        maker: Maker,
        networks: Networks,
        records: Records,
        describe: Describe,
        lock: Callable[[str], asyncio.Lock],
    ) -> None:
        self._engine = engine
        self._streams = streams
        self._maker = maker
        self._networks = networks
        self._records = records
        self._describe = describe
        self._lock = lock
        self._sites: dict[tuple[str, str], Site] = {}
        self._holding: set[str] = set()  # containers, from their making to their start
        self._tasks = Tasks()
        self._closed = False

    def holds(self, container: str) -> bool:
        """Whether it is one that stands by."""
        return container in self._holding

    async def close(self) -> None:
        """What stands by is left to whoever takes over, or clears."""
        self._closed = True
        await self._tasks.close()

    # --- starts and ends of instances ---------------------------------------------------------------------------

    async def claim(self, spec: InstanceSpec) -> Standby | None:
        """One that can become this instance; from now on it is the caller's. To be called under the instance's lock."""
        site = self._sites.get(_key(spec))
        standby = site.standby if site is not None else None
        if site is None or standby is None or standby.spec.id != spec.id:
            return None
        site.standby = None
        if self._fits(standby, spec):
            return standby
        await self._remove(standby)
        return None

    async def let_go(self, standby: Standby, spec: InstanceSpec) -> Running:
        """The newest files and variables into it, and on it goes. RuntimeFailure: it is removed."""
        container = standby.container
        try:
            await self._maker.put(container, lambda: held.start(spec.environment, spec.artifact.overlay), spec.id)
            at = time.time()
            self._holding.discard(container)
            await self._engine.call(lambda api: api.kill(container, "SIGCONT"), place=spec.id)
            start, why = await self._hear(container, ("warm", "cold"), GOES_ON_WITHIN, spec.id)
            details = await self._engine.call(lambda api: api.inspect_container(container), place=spec.id)
        except (RuntimeFailure, OSError) as error:
            await self._remove(standby)
            self._refused(spec, str(error))
            raise RuntimeFailure(f"nothing stands by any more: {error}", place=spec.id) from error
        if why:
            log.info("%s is started cold: %s", spec.id, why)
        return replace(running_of(details, standby.attachment.address), start=start, started_at=at)

    def started(self, spec: InstanceSpec) -> None:
        """An instance runs: have something stand by for the next one, once the service has been saved."""
        site = self._sites.get(_key(spec))
        if site is None:
            if spec.artifact.overlay is None:
                return
            site = self._sites[_key(spec)] = Site(spec)
        site.spec, site.used = spec, time.monotonic()
        self._soon(site)

    def ended(self, service: str, version: str) -> None:
        """An instance is gone, so that the next one may get its number."""
        site = self._sites.get((service, version))
        if site is not None:
            self._soon(site)

    # --- in the background --------------------------------------------------------------------------------------

    def _soon(self, site: Site) -> None:
        if self._closed:
            return
        self._tasks.spawn(self._tend(site, SETTLE), name=f"have a start of {site.spec.service} ready")

    async def _tend(self, site: Site, pause: float) -> None:
        await asyncio.sleep(pause)
        async with site.working:
            wanted = self._wanted(site)
            if site.standby is not None and (wanted is None or not self._fits(site.standby, wanted)):
                standby, site.standby = site.standby, None
                async with self._lock(standby.spec.id):
                    await self._remove(standby)
            if wanted is not None and site.standby is None:
                site.standby = await self._prepare(site, wanted)
                self._tasks.spawn(self._tend(site, LINGER), name=f"forget {wanted.id} that stands by")

    def _wanted(self, site: Site) -> InstanceSpec | None:
        """The next instance, as far as can be told; None when nothing is to stand by."""
        spec = site.spec
        taken = self._records.numbers(spec.service, named(spec, 0).removesuffix("0"))
        is_used = time.monotonic() - site.used < LINGER
        may = not spec.workload.version.read_only and site.refusals < MOST_REFUSALS
        return renamed(spec, next_number(taken)) if taken and is_used and may else None

    def _fits(self, standby: Standby, wanted: InstanceSpec) -> bool:
        if standby.spec.id != wanted.id or (standby.hold.hooked and not wanted.workload.warm):
            return False
        body = standing_by(self._describe(wanted, standby.attachment), standby.hold)
        return fits(standby.body, body, standby.hold)

    async def _prepare(self, site: Site, spec: InstanceSpec) -> Standby | None:
        async with self._lock(spec.id):
            if self._records.alive(spec.id) is not None:
                return None
            try:
                return await self._make(site, spec)
            except (RuntimeFailure, OSError, TimeoutError) as error:
                self._refused(spec, str(error) or type(error).__name__)
                return None

    async def _make(self, site: Site, spec: InstanceSpec) -> Standby | None:
        running = self._records.alive(site.spec.id)
        if running is None:
            return None
        details = await self._engine.call(lambda api: api.inspect_image(spec.artifact.image), place=spec.id)
        attachment = await self._networks.attach(spec.id, spec.service)
        container = ""
        try:
            plain, image = self._describe(spec, attachment), details.get("Config") or {}
            modules = await self._modules(site, running.container, command_in(plain, image))
            hold = Hold(hooked=modules is not None, image=image)
            body = standing_by(plain, hold)
            bare = replace(spec, artifact=replace(spec.artifact, overlay=None))  # the start brings the newest files
            container = await self._maker.make(bare, body)
            self._holding.add(container)
            standby = Standby(container, spec, hold, body, attachment)
            if await self._hold(site, standby, modules):
                return standby
        except BaseException:
            await asyncio.shield(self._discard(container, spec.id))
            raise
        await self._discard(container, spec.id)
        return None

    async def _modules(self, site: Site, container: str, argv: Sequence[str]) -> frozenset[str] | None:
        """What is to be imported ahead of time, told by an instance that runs; None for what our hook can't hold."""
        spec = site.spec
        if site.hopeless or not spec.workload.warm:
            return None
        command = await self._engine.call(lambda api: command_of(api, container, argv), place=spec.id)
        if command is None:
            site.hopeless = "its command is no Python program that can be held"
            return None
        inside = Inside(self._engine, self._streams, container, spec.id)
        seen = await modules_in(self._engine, inside, container, command.interpreter, spec.id)
        return command.modules | seen | await asyncio.to_thread(_imports, spec)

    async def _hold(self, site: Site, standby: Standby, modules: frozenset[str] | None) -> bool:
        """Start it, up to where it is held. Whether it can be."""
        container, spec = standby.container, standby.spec
        files = held.preparations(modules) if modules is not None else held.notes()
        await self._maker.put(container, lambda: files, spec.id)
        await self._engine.call(lambda api: api.start(container), place=spec.id)
        await self._hear(container, ("here", "hopeless"), HERE_WITHIN, spec.id)
        word, why = await self._hear(container, ("ready", "hopeless"), READY_WITHIN, spec.id)
        if word == "hopeless":
            site.hopeless = why
            self._refused(spec, why)
        return word == "ready"

    async def _hear(self, container: str, words: tuple[str, ...], within: float, place: str) -> tuple[str, str]:
        try:
            return await held.heard(self._engine, container, words, within, place)
        except TimeoutError:
            raise RuntimeFailure(f"it does not say {words[0]}", place=place) from None

    async def _remove(self, standby: Standby) -> None:
        await self._discard(standby.container, standby.spec.id)

    async def _discard(self, container: str, instance: str) -> None:
        """`container` is empty where there is none yet."""
        if container:
            await self._maker.remove(container)
            self._holding.discard(container)
        await self._networks.detach(instance)

    def _refused(self, spec: InstanceSpec, why: str) -> None:
        log.info("nothing stands by for %s: %s", spec.id, why)
        self._sites[_key(spec)].refusals += 1


def _key(spec: InstanceSpec) -> tuple[str, str]:
    return spec.service, spec.workload.version.name


def _imports(spec: InstanceSpec) -> frozenset[str]:
    """What the service's sources import that is not their own."""
    build = spec.workload.version.build
    if build is None:
        return frozenset()
    entries = scan(build.context, ignored(build.context, None)).entries
    sources = [entry.path for entry in entries if entry.name.endswith(".py")][:_MOST_SOURCES]
    own = {part.partition(".")[0] for entry in entries for part in entry.name.split("/")}
    names = imported(text for path in sources if (text := _text(path)) is not None)
    return frozenset(name for name in names if name.partition(".")[0] not in own)


def _text(path: Path) -> str | None:
    try:
        return path.read_text() if path.stat().st_size <= _LARGEST_SOURCE else None
    except (OSError, UnicodeDecodeError):
        return None
