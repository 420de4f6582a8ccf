"""Node packages, installed by npm into the service's own node_modules, where everybody expects them.

Whether they are up to date is remembered beside the project's state, not in the user's folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.files import write_atomic
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Output
from sandbox.runtime.buildpack.detect_node import package_json
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.buildpack.tool import run_tool
from sandbox.runtime.buildpack.toolchain import find_program

_INSTALLERS = (
    ("package-lock.json", ("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline")),
    ("pnpm-lock.yaml", ("pnpm", "install", "--frozen-lockfile", "--prefer-offline")),
    ("yarn.lock", ("yarn", "install", "--frozen-lockfile")),
)
_PLAIN = ("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--no-package-lock")


class NodePackages:
    def __init__(self, paths: ProjectPaths, host: Mapping[str, str]) -> None:
        self._folder = paths.environments
        self._host = host
        self._installing: dict[Path, asyncio.Lock] = {}

    async def prepare(self, service: str, folder: Folder, output: Output) -> None:
        """Have what package.json asks for. RuntimeFailure when it can't be installed."""
        if not _wants_packages(folder):
            return
        async with self._installing.setdefault(folder.path, asyncio.Lock()):
            stamp = self._folder / f"node-{hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:16]}"
            key = _key(folder)
            if not _up_to_date(folder.path, stamp, key):
                await self._install(service, folder, output)
                write_atomic(stamp, key.encode())

    async def _install(self, service: str, folder: Folder, output: Output) -> None:
        argv = _installer(folder)
        program = find_program(argv[0], self._host, service)
        output(f"{' '.join(argv[:2])} into {folder.path / 'node_modules'}")
        done = await run_tool((program, *argv[1:]), folder.path, {**self._host, "NO_COLOR": "1"}, output)
        if done.code != 0:
            words = "; ".join(done.last[-4:])
            raise RuntimeFailure(
                f"{' '.join(argv[:2])} failed: {words}",
                place=service,
                hint="check the network and the names in package.json",
            )


def _wants_packages(folder: Folder) -> bool:
    package = package_json(folder)
    return any(package.get(kind) for kind in ("dependencies", "devDependencies", "optionalDependencies", "workspaces"))


def _installer(folder: Folder) -> tuple[str, ...]:
    return next((argv for lock, argv in _INSTALLERS if lock in folder.names), _PLAIN)


def _key(folder: Folder) -> str:
    digest = hashlib.sha256()
    for name in ("package.json", *(lock for lock, _ in _INSTALLERS)):
        if name in folder.names:
            digest.update(name.encode() + (folder.path / name).read_bytes())
    return digest.hexdigest()


def _up_to_date(folder: Path, stamp: Path, key: str) -> bool:
    if not (folder / "node_modules").is_dir():
        return False
    if stamp.exists():
        return stamp.read_bytes() == key.encode()
    # npm's own record, newer than what it was made from: the user has installed already.
    record = folder / "node_modules" / ".package-lock.json"
    manifests = [folder / name for name in ("package.json", "package-lock.json") if (folder / name).exists()]
    return record.exists() and all(record.stat().st_mtime >= path.stat().st_mtime for path in manifests)
