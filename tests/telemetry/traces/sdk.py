"""The real OpenTelemetry SDK of Python, in an environment of its own: its messages can't be beside Envoy's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("opentelemetry-sdk>=1.27", "opentelemetry-exporter-otlp-proto-http>=1.27")


def install(folder: Path, *packages: str) -> Path:
    """The interpreter that has it."""
    subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *(packages or PACKAGES)], check=True)
    return python


def run(python: Path, code: str, environment: Mapping[str, str]) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [str(python), "-c", code], env={**clean, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
