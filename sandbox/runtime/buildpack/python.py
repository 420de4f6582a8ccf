"""Python environments, installed by uv and kept by content, so that a second start installs nothing.

An environment is named after what it was made from, built under a temporary name and renamed: a crash leaves no half
one. `uv venv --relocatable` makes its scripts survive the rename.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Output
from sandbox.runtime.buildpack.detect_python import pyproject
from sandbox.runtime.buildpack.folder import Folder
from sandbox.runtime.buildpack.tool import Done, run_tool

KEPT = 2
"""Environments of one service that stay, beside those in use."""

_FORMAT = "1"  # changes when environments must be made anew
_AT_ONCE = 4
_NETWORK = re.compile(
    r"network was disabled|dns error|error sending request|failed to fetch|timed out|connection refused|certificate",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an environment is made from. `files` are by name, included requirement files too."""

    install: tuple[str, ...]  # uv's arguments, "{env}" stands for the environment
    files: Mapping[str, bytes]
    editable: bool = False  # the folder itself is installed, so the environment belongs to it


class PythonEnvironments:
    def __init__(self, paths: ProjectPaths, host: Mapping[str, str]) -> None:
        self._folder = paths.environments
        self._cache = paths.cache / "uv"
        self._host = host
        self._building: dict[str, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._used: set[str] = set()

    async def prepare(self, service: str, folder: Folder, output: Output) -> Path:
        """The environment's folder. RuntimeFailure with uv's own last lines when it can't be made."""
        manifest = read_manifest(folder)
        name = f"{service}-{key_of(manifest, folder)}" if manifest else f"bare-{key_of(None, folder)}"
        self._used.add(name)
        place = self._folder / name
        async with self._building.setdefault(name, asyncio.Lock()):
            if place.is_dir():
                os.utime(place)
                return place
            async with self._room:
                await self._build(place, service, manifest, folder, output)
        self._prune(service)
        return place

    async def _build(
        self, place: Path, service: str, manifest: Manifest | None, folder: Folder, output: Output
    ) -> None:
        temporary = place.with_name(f".{place.name}.new")
        await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)
        try:
            await self._create(temporary, service, output)
            if manifest is not None:
                await self._install(temporary, service, manifest, folder, output)
            temporary.rename(place)
        finally:
            if temporary.exists():
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True))

    async def _create(self, place: Path, service: str, output: Output) -> None:
        arguments = ("venv", "--quiet", "--relocatable", "--no-project", "--python", base_python(), str(place))
        done = await self._uv(arguments, place.parent, {}, output)
        if done.code != 0:
            raise _failure(service, "its Python environment could not be made", done, "see: sandbox doctor")

    async def _install(self, env: Path, service: str, manifest: Manifest, folder: Folder, output: Output) -> None:
        """From the local cache if it has everything, which needs no network and no time; else from the index."""
        arguments = tuple(word.replace("{env}", str(env)) for word in manifest.install)
        place = {"UV_PROJECT_ENVIRONMENT": str(env), "VIRTUAL_ENV": str(env)}
        held_back: list[str] = []
        done = await self._uv((*arguments, "--offline"), folder.path, place, held_back.append)
        if done.code == 0:
            output("installed from the local cache")
            return
        done = await self._uv(arguments, folder.path, place, output)
        if done.code != 0:
            names = ", ".join(manifest.files)
            raise _failure(service, f"{names} could not be installed", done, _hint(done, names))

    async def _uv(self, arguments: tuple[str, ...], cwd: Path, more: Mapping[str, str], output: Output) -> Done:
        environment = {**uv_environment(self._host), "UV_CACHE_DIR": str(self._cache), **more}
        return await run_tool((find_uv(), *arguments), cwd, environment, output)

    def _prune(self, service: str) -> None:
        """Remove old environments of a service, never one that was asked for since we started."""
        pattern = re.compile(re.escape(service) + r"-[0-9a-f]{16}")
        found = [entry for entry in self._folder.iterdir() if pattern.fullmatch(entry.name)]
        found.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
        for entry in found[KEPT:]:
            if entry.name not in self._used:
                shutil.rmtree(entry, ignore_errors=True)


def read_manifest(folder: Folder) -> Manifest | None:
    """uv.lock before requirements.txt before pyproject.toml; None when none of them asks for anything."""
    project = pyproject(folder)
    if "uv.lock" in folder.names and "project" in project:
        files = _read(folder, "uv.lock", "pyproject.toml")
        return Manifest(("sync", "--frozen", "--no-dev"), files, "build-system" in project)
    into = ("pip", "install", "--python", "{env}")
    if "requirements.txt" in folder.names:
        return Manifest((*into, "-r", "requirements.txt"), requirement_files(folder.path))
    if "build-system" in project:
        return Manifest((*into, "-e", "."), _read(folder, "pyproject.toml"), editable=True)
    if project.get("project", {}).get("dependencies"):
        return Manifest((*into, "-r", "pyproject.toml"), _read(folder, "pyproject.toml"))
    return None


def key_of(manifest: Manifest | None, folder: Folder) -> str:
    """Changes with the manifests, the interpreter and the platform."""
    digest = hashlib.sha256()
    for part in (_FORMAT, sys.version, sysconfig.get_platform(), base_python()):
        digest.update(part.encode() + b"\0")
    if manifest is not None:
        digest.update("\0".join(manifest.install).encode())
        for name, data in sorted(manifest.files.items()):
            digest.update(f"\0{name}\0{len(data)}\0".encode() + data)
        if manifest.editable:
            digest.update(os.fsencode(folder.path))
    return digest.hexdigest()[:16]


def base_python() -> str:
    """The interpreter below our own environment, so that services do not see our packages."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def find_uv() -> str:
    """RuntimeFailure when it is nowhere."""
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError):
        pass
    if found := shutil.which("uv"):
        return found
    raise RuntimeFailure("uv, which installs Python packages, is missing", hint="install sandbox again: ./install.sh")


_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CERT": "SSL_CERT_FILE",
}


def uv_environment(host: Mapping[str, str]) -> dict[str, str]:
    """The user's environment, so that proxies, certificates and indexes stay as they are; pip's settings count too."""
    found = {
        name: value
        for name, value in host.items()
        if not name.startswith("SANDBOX_") and name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME")
    }
    for theirs, ours in _PIP_TO_UV.items():
        if theirs in host:
            found.setdefault(ours, host[theirs])
    if "PIP_FIND_LINKS" in host:
        found.setdefault("UV_FIND_LINKS", ",".join(host["PIP_FIND_LINKS"].split()))
    found.setdefault("UV_PYTHON_DOWNLOADS", "never")
    return found | {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def _read(folder: Folder, *names: str) -> dict[str, bytes]:
    try:
        return {name: (folder.path / name).read_bytes() for name in names}
    except OSError as error:
        raise RuntimeFailure(f"can't be read: {error.strerror}", place=str(error.filename)) from None


def requirement_files(folder: Path) -> dict[str, bytes]:
    """requirements.txt and what it includes by -r and -c, by path relative to the folder."""
    found: dict[str, bytes] = {}
    waiting = [folder / "requirements.txt"]
    while waiting and len(found) < 100:
        path = waiting.pop()
        name = os.path.relpath(path, folder)
        if name in found or not path.is_file():
            continue
        found[name] = path.read_bytes()
        included = re.findall(rb"^\s*(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)", found[name], re.MULTILINE)
        waiting += [path.parent / os.fsdecode(other) for other in included if b"://" not in other]
    return found


def _failure(service: str, what: str, done: Done, hint: str) -> RuntimeFailure:
    words = "; ".join(line.strip(" ×╰─▶") for line in done.last[-4:])
    return RuntimeFailure(f"{what}: {words or f'uv ended with {done.code} and said nothing'}", place=service, hint=hint)


def _hint(done: Done, names: str) -> str:
    if any(_NETWORK.search(line) for line in done.last):
        return "check the network, then run: sandbox restart"
    return f"check the names and versions in {names}"
