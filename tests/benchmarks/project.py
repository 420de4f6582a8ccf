"""A project brought up for a benchmark, in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


class Project:
    """One app folder and the commands on it. Raises CalledProcessError when one fails."""

    def __init__(self, app: Path, home: Path, runtime: str) -> None:
        self.app = app
        self.home = home
        self.variables = {**os.environ, "SANDBOX_HOME": str(home), "SANDBOX_RUNTIME": runtime, "NO_COLOR": "1"}
        self.variables.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: compiled

    def sandbox(self, *words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "sandbox", *words],
            cwd=self.app,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def up(self) -> float:
        """Seconds until every service is healthy."""
        began = time.perf_counter()
        self.sandbox("up", "-d")
        return time.perf_counter() - began

    def down(self) -> float:
        began = time.perf_counter()
        self.sandbox("down")
        return time.perf_counter() - began

    def ps(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sandbox("ps", "-o", "json"))
        return found

    def instances(self) -> list[dict[str, Any]]:
        return [instance for service in self.ps()["services"] for instance in service["instances"]]

    def machinery(self) -> dict[str, psutil.Process]:
        """The shim, the supervisor and Envoy."""
        instance = psutil.Process(self.instances()[0]["pid"])
        shim = instance.parent()
        assert shim is not None
        found = {"shim": shim}
        for child in shim.children():
            command = " ".join(child.cmdline())
            if "sandbox.daemon" in command:
                found["supervisor"] = child
            elif "--disable-hot-restart" in command:
                found["envoy"] = child
        return found


@contextmanager
def project(app: Path, runtime: str = "process") -> Iterator[Project]:
    """A copy of an app folder; brought down and removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    copy = home / app.name
    shutil.copytree(app, copy)
    made = Project(copy, home / "s", runtime)
    try:
        yield made
    finally:
        subprocess.run(
            [sys.executable, "-m", "sandbox", "down"],
            cwd=copy,
            env=made.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        shutil.rmtree(home, ignore_errors=True)


def command_of(pid: int) -> tuple[list[str], str, Mapping[str, str]]:
    """How an instance was started: argv, folder and environment."""
    process = psutil.Process(pid)
    return process.cmdline(), process.cwd(), process.environ()


BAKERY = Path(__file__).parents[2] / "sample-apps" / "bakery"
