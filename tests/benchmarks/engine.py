"""The engine by its own command, as the reference."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import Any

import docker


def docker_command(*arguments: str) -> str:
    """What it printed. CalledProcessError when it failed."""
    command = ["docker", *arguments]
    return subprocess.run(command, env=environment(), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@cache
def environment() -> dict[str, str]:
    """A command that is newer than the engine must be told so; the classic builder is there with every engine."""
    api: Any = docker.APIClient(version="auto")
    version = str(api.api_version)
    api.close()
    return {**os.environ, "DOCKER_API_VERSION": version, "DOCKER_BUILDKIT": "0"}
