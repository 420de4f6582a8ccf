"""What `sandbox up` asked for, kept in the project's folder so that a restarted daemon reads the same files again."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import msgspec

from sandbox import __version__
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


# The folder is the user's alone, and only this version of us reads what it wrote there, so pickle is safe and exact:
# a resolved project also holds what came from the environment of the command that brought it up.


def keep_good(paths: ProjectPaths, project: Project) -> None:
    """Keep the project that is in force, for a supervisor that finds the files broken."""
    write_atomic(paths.good_project, pickle.dumps((__version__, project)))


def last_good(paths: ProjectPaths) -> Project | None:
    """What `keep_good` kept last; None when there is nothing usable."""
    try:
        version, project = pickle.loads(paths.good_project.read_bytes())
    except Exception:  # a damaged pickle may raise anything, and all of it means the same
        return None
    return project if version == __version__ and isinstance(project, Project) else None


def forget_good(paths: ProjectPaths) -> None:
    paths.good_project.unlink(missing_ok=True)
