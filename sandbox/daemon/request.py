"""What `sandbox up` asked for, kept in the project's folder so that a restarted daemon reads the same files again."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sandbox import __version__
from sandbox.control import UpRequest
from sandbox.errors import SandboxError
from sandbox.files import write_atomic
from sandbox.model import Project
from sandbox.paths import ProjectPaths
from sandbox.runtime.shim.proctable import MARK


def save_request(paths: ProjectPaths, request: UpRequest) -> None:
    write_atomic(paths.request, msgspec.json.encode(request))


def read_request(paths: ProjectPaths) -> UpRequest:
    """SandboxError when there is none, or it can't be read."""
    try:
        return msgspec.json.decode(paths.request.read_bytes(), type=UpRequest)
    except (OSError, msgspec.DecodeError) as error:
        raise SandboxError(f"can't be read: {error}", place=str(paths.request), hint="run: sandbox up") from error


_OUR_OWN = frozenset({MARK, "SANDBOX_HOME", "GRPC_ENABLE_FORK_SUPPORT"})
"""Variables that make this process the one it is."""


def environment_of(request: UpRequest) -> dict[str, str]:
    """The variables under which the project is to be seen: those of whoever asked for it."""
    if not request.environment:
        return dict(os.environ)
    kept = {name: value for name, value in os.environ.items() if name in _OUR_OWN or not is_text(name + value)}
    return {**request.environment, **kept}


def enter(environment: Mapping[str, str]) -> None:
    """Make them this process's own, for all that is started and asked from here on."""
    os.environ.clear()
    os.environ.update(environment)


def is_text(value: str) -> bool:
    """Whether it can be sent: a variable may hold any bytes."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def load_project(request: UpRequest) -> Project:
    """ConfigError when the files are not a valid project."""
    from sandbox.config.loader import load  # slow to import, and not needed where the project was handed over

    return load(
        [Path(file) for file in request.files],
        profiles=request.profiles,
        environment=environment_of(request),
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
