"""What `sandbox up` asked for, kept in the project's folder so that a restarted daemon reads the same files again."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from sandbox.config.loader import load
from sandbox.control import UpRequest
from sandbox.errors import SandboxError
from sandbox.files import write_atomic
from sandbox.model import Project
from sandbox.paths import ProjectPaths


def save_request(paths: ProjectPaths, request: UpRequest) -> None:
    write_atomic(paths.request, msgspec.json.encode(request))


def read_request(paths: ProjectPaths) -> UpRequest:
    """SandboxError when there is none, or it can't be read."""
    try:
        return msgspec.json.decode(paths.request.read_bytes(), type=UpRequest)
    except (OSError, msgspec.DecodeError) as error:
        raise SandboxError(f"can't be read: {error}", place=str(paths.request), hint="run: sandbox up") from error


def load_project(request: UpRequest) -> Project:
    """ConfigError when the files are not a valid project."""
    return load(
        [Path(file) for file in request.files],
        profiles=request.profiles,
        environment=os.environ,
        project=request.project,
    )
