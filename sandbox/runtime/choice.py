"""Which runtime a project gets, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.errors import RuntimeFailure, UsageError
from sandbox.runtime.docker.endpoint import find, ping

VARIABLE = "SANDBOX_RUNTIME"


@dataclass(frozen=True, slots=True)
class Choice:
    runtime: str  # process | docker
    reason: str


async def choose(wanted: str, environ: Mapping[str, str]) -> Choice:
    """`wanted` is auto, process or docker. RuntimeFailure when docker is asked for and no engine answers."""
    if wanted == "process":
        return Choice("process", "it was asked for")
    if wanted not in ("auto", "docker"):
        raise UsageError(f"there is no runtime {wanted!r}", place="runtime", hint="choose auto, process or docker")
    endpoint = find(environ)
    try:
        await ping(endpoint)
    except RuntimeFailure as error:
        if wanted == "auto":
            return Choice("process", f"no Docker engine can be used: {error.message}")
        hint = f"{error.hint}; or use processes: --runtime process"
        raise RuntimeFailure(error.message, place=error.place, hint=hint) from None
    if wanted == "docker":
        return Choice("docker", "it was asked for")
    return Choice("docker", f"an engine answers at {endpoint.url.removeprefix('unix://')} ({endpoint.origin})")
