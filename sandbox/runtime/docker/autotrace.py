"""Spans from inside Python services in containers: what `runtime.autotrace` brings, mounted.

Nothing goes into images. The packages are those that were installed for processes of this machine: where a container
has another Python or C library, what is compiled of them isn't found, and each has a way in Python itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from sandbox.model import Mount, MountKind
from sandbox.paths import ProjectPaths
from sandbox.runtime.autotrace import HOOK, LIBRARIES, SETTINGS, AutoTrace
from sandbox.runtime.base import Output, Workload
from sandbox.runtime.docker.engine import Engine

_WHERE = PurePosixPath("/opt/sandbox-otel")
_PYTHONPATH = "PYTHONPATH"
_PROGRAMS = re.compile(r"(python|pypy)[\d.]*|uvicorn|gunicorn|hypercorn|daphne|flask|fastapi|django-admin")


@dataclass(frozen=True, slots=True)
class Brought:
    """What a container gets in addition."""

    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()


class ContainerAutoTrace:
    def __init__(self, engine: Engine, paths: ProjectPaths, host: Mapping[str, str]) -> None:
        self._engine = engine
        self._autotrace = AutoTrace(paths, host)

    async def brought(self, workload: Workload, image: str, argv: tuple[str, ...], output: Output) -> Brought:
        """Nothing where the image is none of Python. RuntimeFailure when the packages can't be had."""
        config = (await self._engine.call(lambda api: api.inspect_image(image), place=workload.service))["Config"] or {}
        if not is_python(config, (*(workload.version.entrypoint or ()), *argv)):
            return Brought()
        libraries = await self._autotrace.place(workload.service, output)
        folders = {"packages": str(libraries), "hook": str(HOOK)}
        mounts = tuple(
            Mount(kind=MountKind.BIND, source=source, target=str(_WHERE / name), read_only=True)
            for name, source in folders.items()
        )
        own = [] if _PYTHONPATH in workload.version.environment else [_variables(config).get(_PYTHONPATH, "")]
        path = ":".join(filter(None, [str(_WHERE / "hook"), *own]))
        return Brought({**SETTINGS, LIBRARIES: str(_WHERE / "packages"), _PYTHONPATH: path}, mounts)


def is_python(config: Mapping[str, Any], given: Iterable[str]) -> bool:
    """By what the official images say of themselves, or by the program. `config` is the image's, `given` is the
    service's own command."""
    words = list(given) or [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    return "PYTHON_VERSION" in _variables(config) or any(_PROGRAMS.fullmatch(PurePosixPath(one).name) for one in words)


def _variables(config: Mapping[str, Any]) -> dict[str, str]:
    return dict(one.partition("=")[::2] for one in config.get("Env") or ())
