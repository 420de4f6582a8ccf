"""What the checks need to know about the machine, and how to find it out."""

from __future__ import annotations

import os
import re
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.cli.doctor.engine import docker_engine
from sandbox.cli.doctor.images import ImageFact, base_images
from sandbox.cli.doctor.tool import Tool
from sandbox.cli.project import known_projects
from sandbox.paths import sandbox_home
from sandbox.ports import is_free, owner_of
from sandbox.proxy.envoy import find_envoy

_TOOL_TIMEOUT = 10.0  # seconds; a first start from a cold disk is slow
_PREFERRED = ((8080, "gateway"), (8090, "UI"), (4318, "OTLP receiver"))


@dataclass(frozen=True, slots=True)
class PortFact:
    number: int
    purpose: str
    owner: str | None = None  # None: free
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Home:
    path: Path
    exists: bool
    owned: bool
    writable: bool
    mode: int  # permission bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    python: tuple[int, int, int]
    uv: Tool
    envoy: Tool
    docker: Tool
    images: tuple[ImageFact, ...]  # that services are built on; empty without an engine
    ports: tuple[PortFact, ...]
    inotify: tuple[int, int] | None  # watches and instances one user may have; None where there is no inotify
    open_files: tuple[int, int]  # soft and hard limit
    disk_free: int  # bytes
    home: Home
    leftovers: tuple[str, ...]  # ids of projects that left their sockets behind


def gather() -> Facts:
    place, docker = sandbox_home(), docker_engine()
    return Facts(
        python=sys.version_info[:3],
        uv=_tool(_uv_command),
        envoy=_tool(_envoy_command),
        docker=docker,
        images=() if docker.problem else base_images(),
        ports=tuple(_port(number, purpose) for number, purpose in _PREFERRED),
        inotify=_inotify(),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
        disk_free=shutil.disk_usage(_existing(place)).free,
        home=_home(place),
        leftovers=_leftovers(place),
    )


def _tool(command: Callable[[], Sequence[str | Path]]) -> Tool:
    try:
        done = subprocess.run(command(), capture_output=True, text=True, timeout=_TOOL_TIMEOUT, check=True)
    except subprocess.CalledProcessError as error:
        return Tool(problem=f"ends with exit code {error.returncode}: {_first_line(error.stderr)}")
    except Exception as error:  # a missing package or binary, another machine's binary, a library that is not there
        return Tool(problem=_first_line(str(error)) or type(error).__name__)
    number = re.search(r"\d+\.\d+\.\d+", done.stdout)
    return Tool(version=number[0] if number else _first_line(done.stdout))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _uv_command() -> Sequence[str | Path]:
    from uv import find_uv_bin

    return (find_uv_bin(), "--version")


def _envoy_command() -> Sequence[str | Path]:
    return (find_envoy(), "--version")


def _port(number: int, purpose: str) -> PortFact:
    if is_free(number):
        return PortFact(number, purpose)
    owner = str(owner_of(number))
    return PortFact(number, purpose, owner, ours=owner.startswith("sandbox project"))


def _inotify() -> tuple[int, int] | None:
    folder = Path("/proc/sys/fs/inotify")
    try:
        return int((folder / "max_user_watches").read_text()), int((folder / "max_user_instances").read_text())
    except (OSError, ValueError):
        return None


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _home(path: Path) -> Home:
    if not path.exists():
        return Home(path, exists=False, owned=True, writable=True, mode=0o700)
    found = path.stat()
    return Home(
        path,
        exists=True,
        owned=found.st_uid == os.getuid(),
        writable=os.access(path, os.W_OK | os.X_OK),
        mode=stat.S_IMODE(found.st_mode),
    )


def _leftovers(home: Path) -> tuple[str, ...]:
    try:
        projects = known_projects(home)
    except OSError:
        return ()
    return tuple(project.paths.id for project in projects if not project.running and project.paths.run.exists())
