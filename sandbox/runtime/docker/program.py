"""Whether an image has the program that is to run.

The init process in every container starts first, so the engine itself does not notice when the program is missing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from sandbox.errors import ExitCode, RuntimeFailure
from sandbox.runtime.docker.engine import Engine, hint_for

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The engine's own, where an image sets none."""

REFUSED = b"OCI runtime exec failed"
"""How an engine begins what it says where the output of a command in a container would be."""


class Missing(RuntimeFailure):
    exit_code = ExitCode.NO_SUCH_PROGRAM


class NotExecutable(RuntimeFailure):
    exit_code = ExitCode.NOT_EXECUTABLE


def not_started(said: str, program: str, place: str) -> RuntimeFailure:
    """An engine's long sentences about a program that it could not start, in short."""
    name = program or "its command"
    if "executable file not found" in said or ("no such file or directory" in said and "exec" in said):
        return missing(name, place)
    if "permission denied" in said and "exec" in said:
        return NotExecutable(f"{name}: it may not be executed", place=place, hint="make it executable: chmod +x")
    return RuntimeFailure(said, place=place, hint=hint_for(said))


def missing(program: str, place: str) -> RuntimeFailure:
    hint = "check the command, and that the image has it"
    return Missing(f"{program}: no such file or directory in the image", place=place, hint=hint)


class Programs:
    """Looks once for what an image is to run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: set[str] = set()

    async def check(self, container: str, fingerprint: str, place: str) -> None:
        """RuntimeFailure when a container that was just made lacks its program. Containers of one fingerprint are made
        from the same."""
        if fingerprint in self._found:
            return
        program = await self._engine.call(lambda api: _missing(api, container), place=place)
        if program is not None:
            raise missing(program, place)
        self._found.add(fingerprint)


def candidates(program: str, path: str, folder: str) -> Iterator[str]:
    """Where execvp(3) looks for it."""
    if "/" in program:
        yield posixpath.join(folder or "/", program)
        return
    for entry in (path or _PATH).split(":"):
        yield posixpath.join(folder or "/", entry, program)


def _missing(api: Any, container: str) -> str | None:
    """The program that is not there."""
    details = api.inspect_container(container)
    program, config = str(details["Path"]), details["Config"]
    variables = dict(one.partition("=")[::2] for one in config.get("Env") or ())
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    for place in candidates(program, variables.get("PATH", ""), str(config.get("WorkingDir") or "/")):
        answer = api.head(url, params={"path": place})
        if answer.status_code != 404:  # an engine that can't tell must not keep anything from starting
            return None
    return program
