"""Go programs, compiled before they start: `go run` would stay between the service and its signals."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Output
from sandbox.runtime.buildpack.detect_go import go_run, program_name
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.buildpack.tool import Done, run_tool
from sandbox.runtime.buildpack.toolchain import find_program

KEPT = 3
"""Binaries of one program that stay: the newest, one that still runs, and one to go back to."""


class GoPrograms:
    def __init__(self, paths: ProjectPaths, host: Mapping[str, str]) -> None:
        self._folder = paths.environments
        self._building_in = paths.building
        self._host = host
        self._building: dict[Path, asyncio.Lock] = {}

    async def prepare(self, service: str, folder: Folder, argv: tuple[str, ...], output: Output) -> tuple[str, ...]:
        """The command, with what `go run` names replaced by its binary. RuntimeFailure when it can't be built.

        Go itself knows what has changed. A binary is named after its content, so that another one is another command.
        """
        wanted = go_run(argv)
        if wanted is None:
            return argv
        sources, arguments = wanted
        go = find_program("go", self._host, service)
        name = program_name(folder, sources[0])
        place = self._folder / f"go-{hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:16]}"
        async with self._building.setdefault(place, asyncio.Lock()):
            place.mkdir(mode=0o700, exist_ok=True)
            fresh = place / f".{name}.new"
            command = (go, "build", "-buildvcs=false", "-o", str(fresh), *sources)
            done = await self._build(command, folder, output, self._building_in / place.name)
            if done.code != 0:
                raise RuntimeFailure(
                    f"go build failed: {'; '.join(done.last[-4:])}", place=service, hint="correct it, and save"
                )
            return str(await asyncio.to_thread(_settle, fresh, name)), *arguments

    async def _build(self, command: Sequence[str], folder: Folder, output: Output, temporary: Path) -> Done:
        """A compiler that is killed leaves 60 MB behind: where we look, and not in /tmp."""
        await asyncio.to_thread(_empty, temporary)
        environment = {**self._host, "GOTMPDIR": str(temporary), "TMPDIR": str(temporary)}
        try:
            return await run_tool(command, folder.path, environment, output)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True))


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _settle(fresh: Path, name: str) -> Path:
    with fresh.open("rb") as file:
        place = fresh.with_name(f"{name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}")
    fresh.replace(place)
    os.utime(place)
    binaries = sorted(place.parent.glob(f"{name}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in binaries[KEPT:]:
        old.unlink(missing_ok=True)
    return place
