"""Files that were synced to containers (`develop.watch`): those that start later get them too.

Where a service runs as a process there is nothing to copy: what is synced is what it reads.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import tarfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sandbox.errors import RuntimeFailure, SandboxError
from sandbox.files import write_atomic
from sandbox.model import MountKind, Version
from sandbox.paths import make_private
from sandbox.reload.change import Copy
from sandbox.runtime.base import Artifact, Driver, InstanceSpec, Output, Running, Workload
from sandbox.runtime.mixed import MixedDriver
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.wiring import DOCKER

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024 * 1024
"""Of one archive, which is held in memory."""


class Synced:
    """Which files were synced to each version. A new supervisor remembers; `down` forgets. `folder` is the one that
    exists as long as containers may."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "synced.json"
        self._by_version = _read(self._file)  # target → source
        self._counts: dict[VersionKey, int] = {}

    def add(self, key: VersionKey, copies: Iterable[Copy]) -> None:
        """What can't be written down is remembered by this supervisor."""
        more = {copy.target: str(copy.source) for copy in copies}
        self._by_version[str(key)] = self._by_version.get(str(key), {}) | more
        self._counts[key] = self.count(key) + 1
        try:
            make_private(self._folder)
            write_atomic(self._file, json.dumps(self._by_version).encode())
        except (SandboxError, OSError) as error:
            log.warning("what was synced is not remembered by the next supervisor: %s", error)

    def count(self, key: VersionKey) -> int:
        """Grows whenever something is synced."""
        return self._counts.get(key, 0)

    def files(self, key: VersionKey, version: Version) -> tuple[Copy, ...]:
        """What an instance of the version is to have now: what its rules copy at first, and what was saved since."""
        found = {copy.target: copy for copy in _at_first(version)}
        for target, source in self._by_version.get(str(key), {}).items():
            if any(Path(source).is_relative_to(rule.path) and rule.target for rule in version.watch):
                found[target] = Copy(Path(source), target)
        return reachable(version, found.values())

    def furnished(self, spec: InstanceSpec) -> InstanceSpec:
        """With these files over what its image lacks. RuntimeFailure."""
        key = VersionKey(spec.service, spec.workload.version.name)
        files = self.files(key, spec.workload.version)
        if not files:
            return spec
        folder = self._folder / "synced"
        path = folder / f"{spec.id}.tar"
        before = spec.artifact.overlay
        try:
            make_private(folder)
            write_atomic(path, pack(files, before.read_bytes() if before is not None else None))
        except OSError as error:
            raise RuntimeFailure(f"what was synced can't be packed: {error.strerror}", place=spec.id) from error
        return replace(spec, artifact=replace(spec.artifact, overlay=path))


class SyncedDriver(MixedDriver):
    """Starts containers with what was synced to their version."""

    def __init__(self, drivers: Mapping[str, Driver], synced: Synced) -> None:
        super().__init__(drivers)
        self.synced = synced
        self._prepared: dict[VersionKey, tuple[Workload, Artifact]] = {}
        self._stays: set[VersionKey] = set()
        self._anew: set[VersionKey] = set()  # something was saved that no preparing has seen yet

    def stay(self, key: VersionKey, image: bool) -> None:
        """Whether the version's next instances are made from what it was prepared as last, with newer files. An earlier
        save that asks for more is not forgotten for that."""
        (self._stays.add if image and key not in self._anew else self._stays.discard)(key)

    def anew(self, key: VersionKey) -> None:
        """Something was saved that the version is prepared from."""
        self._anew.add(key)
        self._stays.discard(key)

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        key = VersionKey(workload.service, workload.version.name)
        before, artifact = self._prepared.get(key, (None, None))
        stays = key in self._stays and before == workload
        self._stays.discard(key)
        if artifact is None or not stays or (artifact.overlay is not None and not artifact.overlay.exists()):
            self._anew.discard(key)
            try:
                artifact = await super().prepare(workload, output)
            except BaseException:
                self._anew.add(key)
                raise
            self._prepared[key] = (workload, artifact)
        return artifact

    async def start(self, spec: InstanceSpec) -> Running:
        if spec.workload.runtime != DOCKER or spec.workload.version.read_only:
            return await super().start(spec)
        key = VersionKey(spec.service, spec.workload.version.name)
        count = self.synced.count(key)
        running = await super().start(await asyncio.to_thread(self.synced.furnished, spec))
        if self.synced.count(key) != count:  # something was saved while it was made
            await self._catch_up(spec, key)
        return running

    async def _catch_up(self, spec: InstanceSpec, key: VersionKey) -> None:
        try:
            await self.copy(spec.id, await asyncio.to_thread(pack, self.synced.files(key, spec.workload.version)))
        except BaseException:
            await asyncio.shield(self.stop(spec.id, 0.0))
            raise


def pack(files: Iterable[Copy], before: bytes | None = None) -> bytes:
    """A tar archive of the files that are there, readable for whatever user the container has, after what is in
    `before`. RuntimeFailure when it is too large."""
    packed, size = io.BytesIO(before or b""), 0
    with tarfile.open(fileobj=packed, mode="a" if before else "w") as tar:
        for copy in files:
            with suppress(FileNotFoundError, IsADirectoryError):
                data = copy.source.read_bytes()
                size += len(data)
                if size > MOST_BYTES:
                    raise RuntimeFailure(
                        f"more than {MOST_BYTES // 2**20} MB are to be synced",
                        place=str(copy.source.parent),
                        hint="leave out what is not needed: ignore: […] in the rule under develop: watch:",
                    )
                tar.addfile(_entry(copy, len(data)), io.BytesIO(data))
    return packed.getvalue()


def _entry(copy: Copy, size: int) -> tarfile.TarInfo:
    found = copy.source.stat()
    entry = tarfile.TarInfo(copy.target.lstrip("/"))
    entry.size, entry.mtime = size, int(found.st_mtime)
    entry.mode = 0o755 if found.st_mode & 0o111 else 0o644
    return entry


def reachable(version: Version, copies: Iterable[Copy]) -> tuple[Copy, ...]:
    """Without what lies in a folder of the host's that is mounted there: that is read as it is."""
    binds = [mount.target.rstrip("/") for mount in version.mounts if mount.kind is MountKind.BIND]
    return tuple(
        copy for copy in copies if not any(copy.target == bind or copy.target.startswith(f"{bind}/") for bind in binds)
    )


def _at_first(version: Version) -> Iterable[Copy]:
    rules = [rule for rule in version.watch if rule.initial_sync]
    if not rules:
        return ()
    from sandbox.daemon.initialsync import everything  # the patterns' library is slow to import, and seldom needed

    return (copy for rule in rules for copy in everything(rule))


def _read(file: Path) -> dict[str, dict[str, str]]:
    """What is damaged is as good as nothing: the files are in the next image that is built."""
    try:
        found = json.loads(file.read_bytes())
        return {str(key): {str(to): str(of) for to, of in files.items()} for key, files in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}
