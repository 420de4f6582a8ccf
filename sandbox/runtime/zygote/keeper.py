"""One zygote for each command that has running instances: brought up after a start, renewed, retired.

All of it happens in the background and delays no start: one that finds no zygote ready is cold.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from sandbox.errors import SandboxError
from sandbox.runtime.base import InstanceSpec, Running
from sandbox.runtime.client import ShimClient, ShimRefusal
from sandbox.runtime.procusage import resident
from sandbox.runtime.zygote import record as records
from sandbox.runtime.zygote.eligible import is_warmable
from sandbox.runtime.zygote.record import EVERYTHING, Record
from sandbox.runtime.zygote.seen import library_folders, modules
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

HOOK = Path(__file__).parent / "hook"

LOOKS = (2.0, 20.0)
"""Seconds after a start, each after the last, at which we look what was imported: it costs the shim about 0.1 s. The
first is repeated as long as there is something new: on a busy machine a service takes its time to import. The last
is left out where the process is hardly larger than at the one before."""

HARDLY = 256 * 1024
"""Bytes: what a library is worth that would be missed."""

LINGER = 30.0
"""Seconds that a zygote stays when its last instance has gone."""

MOST_DOUBTS = 25
"""Modules left out, each after a try, before a service is given up."""

MOST_REFUSALS = 3
"""Starts in a row that could not be warm, before we stop preparing them."""


@dataclass(slots=True)
class Site:
    """What is known of one command: all instances with the same fingerprint."""

    users: set[str] = field(default_factory=set)
    zygote: str | None = None  # its id, once it is ready
    refusals: int = 0
    working: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Look:
    """At an instance that runs."""

    site: Site
    spec: InstanceSpec
    pid: int | None
    argv: tuple[str, ...]
    place: Path  # the Python environment
    size: int = 0  # bytes of memory at the look before


class Zygotes:
    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}
        self._fingerprints: dict[str, str] = {}  # by instance
        self._due: dict[str, asyncio.TimerHandle] = {}  # the next look at an instance
        self._tasks = Tasks()
        self._client: ShimClient | None = None

    async def open(self, client: ShimClient) -> None:
        """Ends what an earlier driver kept: its zygotes come again with the next starts."""
        self._client = client
        await asyncio.gather(*(client.stop(kept.id, 0.0) for kept in await client.list() if kept.role == "zygote"))

    async def close(self) -> None:
        for due in self._due.values():
            due.cancel()
        await self._tasks.close()

    async def fork(self, spec: InstanceSpec, argv: Sequence[str], log_file: Path) -> Running | None:
        """A warm start; None when it has to be a cold one. ShimRefusal for what a cold one would not survive either."""
        site = self._sites.get(spec.artifact.fingerprint)
        zygote = site.zygote if site is not None else None
        if site is None or zygote is None or not spec.workload.warm:
            return None
        try:
            running = await self._shim.fork(
                zygote,
                spec.id,
                argv,
                cwd=spec.artifact.cwd,
                env=spec.environment,
                log=log_file,
                log_max_bytes=spec.log_max_bytes,
            )
        except ShimRefusal as refusal:
            if refusal.errno_name not in ("not_ready", "not_warm"):
                raise
            log.info("%s is started cold: %s", spec.id, refusal.message)
            self._refused(site, zygote)
            return None
        site.refusals = 0
        return running

    def started(self, spec: InstanceSpec, pid: int | None, argv: Sequence[str]) -> None:
        """Learn from an instance that runs now, and have a zygote for the next one."""
        place = environment_of(spec)
        if place is None or not is_warmable(argv, spec.artifact.cwd, spec.environment, place):
            return
        fingerprint = spec.artifact.fingerprint
        site = self._sites.setdefault(fingerprint, Site())
        site.users.add(spec.id)
        self._fingerprints[spec.id] = fingerprint
        self._look_later(Look(site, spec, pid, tuple(argv), place), LOOKS)

    def ended(self, instance: str) -> None:
        if (due := self._due.pop(instance, None)) is not None:
            due.cancel()
        site = self._sites.get(self._fingerprints.pop(instance, ""))
        if site is not None:
            site.users.discard(instance)
            if not site.users:
                self._tasks.spawn(self._retire(site), name=f"retire the zygote of {instance}")

    @property
    def _shim(self) -> ShimClient:
        assert self._client is not None
        return self._client

    # --- in the background --------------------------------------------------------------------------------------

    def _look_later(self, look: Look, pauses: Sequence[float]) -> None:
        if pauses:
            due = asyncio.get_running_loop().call_later(pauses[0], self._look, look, pauses[1:])
            self._due[look.spec.id] = due

    def _look(self, look: Look, pauses: Sequence[float]) -> None:
        del self._due[look.spec.id]
        self._tasks.spawn(self._learn(look, pauses), name=f"learn what {look.spec.id} imports")

    async def _learn(self, look: Look, pauses: Sequence[float]) -> None:
        site, spec, file = look.site, look.spec, record_of(look.spec, look.place)
        grows, size = False, await asyncio.to_thread(_size, look)
        if not pauses and site.zygote is not None and size < look.size + HARDLY:
            return
        async with site.working:
            known = records.load(file)
            if spec.id not in site.users or site.refusals >= MOST_REFUSALS or known.hopeless:
                return
            try:
                seen = await self._seen(spec, look.place)
                if grows := not seen <= known.modules:
                    records.save(file, known.seen(seen))
                if grows or site.zygote is None:
                    await self._renew(site, spec, look.argv, look.place)
            except (SandboxError, OSError) as error:
                log.info("no warm start for %s: %s", spec.id, error)
        if spec.id in site.users:
            self._look_later(replace(look, size=size), (*LOOKS[:1], *pauses) if grows else pauses)

    async def _seen(self, spec: InstanceSpec, place: Path) -> frozenset[str]:
        folders = library_folders(place)
        files = await self._shim.seen(spec.id, folders)
        return await asyncio.to_thread(lambda: modules(existing(files, folders)))

    async def _renew(self, site: Site, spec: InstanceSpec, argv: tuple[str, ...], place: Path) -> None:
        old, site.zygote = site.zygote, await self._bring_up(site, spec, argv, place)
        if old is not None:
            await self._shim.stop(old, 0.0)

    async def _bring_up(self, site: Site, spec: InstanceSpec, argv: tuple[str, ...], place: Path) -> str | None:
        """A ready one's id. What it doubts is left out, and it is tried again."""
        file = record_of(spec, place)
        for _ in range(MOST_DOUBTS):
            name = f"zygote-{spec.artifact.fingerprint}-{uuid4().hex[:8]}"
            try:
                says = await self._shim.zygote(
                    name,
                    argv,
                    cwd=spec.artifact.cwd,
                    env=hooked(spec, file),
                    log=file.with_suffix(".log"),
                )
            except ShimRefusal as refusal:
                if refusal.errno_name == "not_held":
                    give_up(file, refusal.message)
                site.refusals += 1
                raise
            if says == "ready":
                return name
            module, _, why = says.removeprefix("doubt ").partition("\t")
            records.save(file, records.load(file).without(module, why))
            if module == EVERYTHING:
                return None
        give_up(file, "too many of its modules can't be imported ahead of time")
        return None

    def _refused(self, site: Site, zygote: str) -> None:
        """The start goes on cold, and a new zygote is made after it; not where it asked one that was being replaced."""
        if site.zygote == zygote:
            site.refusals += 1
            self._tasks.spawn(self._shim.stop(zygote, 0.0), name="end a zygote")
            site.zygote = None

    async def _retire(self, site: Site) -> None:
        await asyncio.sleep(LINGER)
        async with site.working:
            if not site.users and site.zygote is not None:
                zygote, site.zygote = site.zygote, None
                await self._shim.stop(zygote, 0.0)


def _size(look: Look) -> int:
    """Bytes of memory of all its processes."""
    return resident(look.pid) if look.pid is not None else 0


def environment_of(spec: InstanceSpec) -> Path | None:
    """The Python environment it runs in."""
    place = spec.artifact.environment.get("VIRTUAL_ENV")
    return Path(place) if place and spec.workload.warm else None


def record_of(spec: InstanceSpec, place: Path) -> Path:
    """In the environment, so that it goes when that does."""
    return place / f"warm-{spec.artifact.fingerprint}.txt"


def hooked(spec: InstanceSpec, file: Path) -> dict[str, str]:
    """The environment in which the interpreter stops in our hook."""
    path = [str(HOOK), *filter(None, [spec.environment.get("PYTHONPATH")])]
    return {**spec.environment, "PYTHONPATH": os.pathsep.join(path), "SANDBOX_ZYGOTE_RECORD": str(file)}


def give_up(file: Path, why: str) -> None:
    records.save(file, Record(left_out={EVERYTHING: why}))


def existing(files: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Memory also names files that the import system looked for in vain."""
    return [file for file in files if any(Path(folder, file).is_file() for folder in folders)]
