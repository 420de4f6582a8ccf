"""Spans from inside Python services, with no change of code: `telemetry: {auto: true}`.

OpenTelemetry's own instrumentation is installed once for all projects, in a folder beside the services' environments. A
`sitecustomize` of ours puts that folder at the very end of the import path, so that a service's own packages win, and
starts it. Only requests that the proxy traces are followed inside: health checks begin no traces.

Not together with warm starts: instrumentation patches libraries as they are imported, and threads of its exporter would
not survive a fork.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Output
from sandbox.runtime.buildpack.python import base_python, find_uv, uv_environment
from sandbox.runtime.buildpack.tool import run_tool

HOOK = Path(__file__).parent / "hook"

LIBRARIES = "SANDBOX_OTEL"
"""The variable that tells the hook where the packages are."""

INSTRUMENTED = (
    *("flask", "fastapi", "starlette", "asgi", "django", "wsgi", "tornado", "aiohttp-server", "grpc"),
    *("requests", "httpx", "urllib", "urllib3", "aiohttp-client"),
    *("sqlalchemy", "sqlite3", "psycopg2", "psycopg", "asyncpg", "pymysql", "redis", "pymongo", "pika", "celery"),
)
PACKAGES = (
    "opentelemetry-distro",
    "opentelemetry-exporter-otlp-proto-http",
    *(f"opentelemetry-instrumentation-{name}" for name in INSTRUMENTED),
)

_FORMAT = "2"
SETTINGS: Mapping[str, str] = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_TRACES_SAMPLER": "parentbased_always_off",  # what the proxy draws, and nothing else
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
}


class AutoTrace:
    def __init__(self, paths: ProjectPaths, host: Mapping[str, str]) -> None:
        digest = hashlib.sha256(repr((_FORMAT, sys.version, sysconfig.get_platform(), PACKAGES)).encode())
        self._place = paths.cache / f"otel-{digest.hexdigest()[:12]}"
        self._cache = paths.cache / "uv"
        self._host = host
        self._building = asyncio.Lock()

    async def environment(self, service: str, output: Output) -> dict[str, str]:
        """What a Python service needs in addition. RuntimeFailure when the packages can't be had."""
        return {**SETTINGS, LIBRARIES: str(await self.place(service, output)), "PYTHONPATH": str(HOOK)}

    async def place(self, service: str, output: Output) -> Path:
        """Where the packages are. RuntimeFailure when they can't be had."""
        async with self._building:
            if not self._place.is_dir():
                await self._install(service, output)
        return self._place

    async def _install(self, service: str, output: Output) -> None:
        temporary = self._place.with_name(f".{self._place.name}.{os.getpid()}")
        self._place.parent.mkdir(parents=True, exist_ok=True)
        where = ("--python", base_python(), "--target", str(temporary))
        command = (find_uv(), "pip", "install", "--compile-bytecode", *where, *PACKAGES)
        variables = {**uv_environment(self._host), "UV_CACHE_DIR": str(self._cache)}
        try:
            done = await run_tool((*command, "--offline"), self._place.parent, variables, lambda _line: None)
            if done.code != 0:
                output("installing OpenTelemetry's instrumentation")
                done = await run_tool(command, self._place.parent, variables, output)
            if done.code != 0:
                raise RuntimeFailure(
                    f"OpenTelemetry's instrumentation could not be installed: {' '.join(done.last[-2:])}",
                    place=service,
                    hint="check the network, or take telemetry.auto out",
                )
            await asyncio.to_thread(_readable, temporary)
            temporary.rename(self._place)
        finally:
            await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)


def _readable(folder: Path) -> None:
    """By the users of containers, whatever this user's umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
