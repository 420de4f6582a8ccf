"""Maven projects, packaged into their own target folder, where everybody expects it, with their libraries beside.

Whether that is up to date is remembered beside the project's state.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.files import write_atomic
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Output
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.buildpack.tool import run_tool
from sandbox.runtime.buildpack.toolchain import find_program

PACKAGE = ("package", "dependency:copy-dependencies", "-DincludeScope=runtime")
_QUIETLY = ("-B", "-ntp", "-Dmaven.test.skip=true")
_WRAPPER = "mvnw"


class MavenProjects:
    def __init__(self, paths: ProjectPaths, host: Mapping[str, str]) -> None:
        self._folder = paths.environments
        self._host = host
        self._building: dict[Path, asyncio.Lock] = {}

    async def prepare(self, service: str, folder: Folder, output: Output) -> str:
        """Have it packaged, and say from what: another answer, another program. RuntimeFailure when it can't be."""
        async with self._building.setdefault(folder.path, asyncio.Lock()):
            stamp = self._folder / f"maven-{hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:16]}"
            key = await asyncio.to_thread(_key, folder.path)
            if not ((folder.path / "target").is_dir() and stamp.exists() and stamp.read_bytes() == key.encode()):
                await self._package(service, folder, output)
                write_atomic(stamp, key.encode())
            return key

    async def _package(self, service: str, folder: Folder, output: Output) -> None:
        own = folder.path / _WRAPPER
        maven = str(own) if os.access(own, os.X_OK) else find_program("mvn", self._host, service)
        done = await run_tool((maven, *_QUIETLY, *PACKAGE), folder.path, self._host, output)
        if done.code != 0:
            said = [line for line in done.last if line.startswith("[ERROR]") and "[Help" not in line]
            words = "; ".join(line.removeprefix("[ERROR]").strip() for line in said[:3]) or "; ".join(done.last[-3:])
            raise RuntimeFailure(f"mvn package failed: {words}", place=service, hint="see the output above")


def _key(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _sources(folder):
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    yield folder / "pom.xml"
    yield from sorted(path for path in (folder / "src" / "main").rglob("*") if path.is_file())
