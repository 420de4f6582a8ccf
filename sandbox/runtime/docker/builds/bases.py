"""What the images of a project's versions were made from, remembered, so that a save needs no other image."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sandbox.errors import RuntimeFailure
from sandbox.files import write_atomic
from sandbox.model import Mount
from sandbox.runtime.base import Workload
from sandbox.runtime.docker.builds import overlay
from sandbox.runtime.docker.builds.base import Base, files_of, newer
from sandbox.runtime.docker.builds.context import Context
from sandbox.runtime.docker.builds.ending import ANYTHING, base, ending
from sandbox.runtime.docker.builds.pull import find_image
from sandbox.runtime.docker.builds.resolve import resolved_in
from sandbox.runtime.docker.engine import Engine

log = logging.getLogger(__name__)

_FILE = "base.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an image is made from."""

    key: str  # of everything but the contents of the context's files
    text: str  # the Dockerfile
    arguments: Mapping[str, str]
    target: str | None
    context: Context


class Bases:
    """Of one project, whose id is unique on this machine. `folder` is private to the user."""

    def __init__(self, engine: Engine, project: str, folder: Path) -> None:
        self._engine = engine
        self._project = project
        self._folder = folder
        self._known: dict[Path, Base | None] = {}

    def images(self) -> set[str]:
        """Those that containers may still be made from."""
        found = (self._read(path.parent) for path in self._folder.glob(f"*/*/{_FILE}"))
        return {base.image for base in found if base is not None}

    async def serving(self, workload: Workload, source: Source) -> tuple[str, Path | None, int] | None:
        """An image that is there, the archive that makes it what would be built, and how many files are in it; None
        when it must be built."""
        if workload.version.read_only:  # engines put nothing into those
            return None
        folder, mounts = self._place(workload), workload.version.mounts
        found = await asyncio.to_thread(self._compare, folder, source, mounts)
        if found is None or await find_image(self._engine, found[0]) is None:
            return None
        return found

    async def keep(self, workload: Workload, source: Source, image: str) -> None:
        """From now on it is this one. Without an image that a save can be laid over there is none."""
        folder = self._place(workload)
        try:
            made = await self._base(source, image)
        except RuntimeFailure as failure:
            log.info("the image of %s will be built at every save: %s", workload.service, failure)
            made = None
        try:
            await asyncio.to_thread(self._write, folder, made)
        except (OSError, ValueError) as error:  # a name that is no text
            log.warning("what the image of %s was made from could not be kept: %s", workload.service, error)

    # --- files ----------------------------------------------------------------------------------------------------

    def _place(self, workload: Workload) -> Path:
        return self._folder / workload.service / workload.version.name

    def _compare(self, folder: Path, source: Source, mounts: Sequence[Mount]) -> tuple[str, Path | None, int] | None:
        known = self._read(folder)
        if known is None or known.key != source.key:
            return None
        if known.digest == source.context.digest:
            return known.image, None, 0
        items = newer(known, source.context, mounts)
        if items is None:
            return None
        try:
            return known.image, overlay.write(folder, items) if items else None, len(items)
        except OSError as error:  # a file has gone meanwhile, or the disk is full: a build says more
            log.info("no archive of what is newer than %s: %s", known.image, error)
            return None

    def _read(self, folder: Path) -> Base | None:
        if folder not in self._known:
            try:
                self._known[folder] = msgspec.json.decode((folder / _FILE).read_bytes(), type=Base)
            except (OSError, msgspec.MsgspecError):
                self._known[folder] = None
        return self._known[folder]

    def _write(self, folder: Path, made: Base | None) -> None:
        self._known[folder] = None
        if made is None:
            (folder / _FILE).unlink(missing_ok=True)
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(folder / _FILE, msgspec.json.encode(made))
        self._known[folder] = made

    # --- what the engine knows ------------------------------------------------------------------------------------

    async def _base(self, source: Source, image: str) -> Base | None:
        details = await self._engine.call(lambda api: api.inspect_image(image))
        config = details.get("Config") or {}
        found = ending(source.text, source.arguments, source.target, str(config.get("WorkingDir") or "/"))
        if found is None or ANYTHING in found.elsewhere or await self._has_triggers(source):
            return None
        resolved = await resolved_in(self._engine, self._project, image, found, source.context)
        if resolved is None:
            return None
        return Base(
            key=source.key,
            image=image,
            digest=source.context.digest,
            files=files_of(source.context),
            ending=resolved,
            volumes=tuple(sorted(config.get("Volumes") or ())),
        )

    async def _has_triggers(self, source: Source) -> bool:
        """ONBUILD instructions of what it starts from, which the Dockerfile does not show."""
        start = base(source.text, source.arguments, source.target)
        if start is None:
            return False
        details = await self._engine.call(lambda api: api.inspect_image(start))
        return bool((details.get("Config") or {}).get("OnBuild"))
