"""Whether a container's command is a Python program that would stop in our hook."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docker import APIClient
from docker.errors import APIError

from sandbox.runtime.docker import archive
from sandbox.runtime.docker.program import candidates
from sandbox.runtime.zygote.eligible import flags_allow, is_interpreter, named_interpreter, prevents
from sandbox.runtime.zygote.sources import imported, of_command

_SCRIPT = 64 * 1024
"""Bytes of a program that are read: console scripts have some hundred."""

Find = Callable[[str], tuple[str, bytes] | None]
"""Where a program is, and how it begins."""


@dataclass(frozen=True, slots=True)
class Command:
    interpreter: str  # as a program to run in the container
    modules: frozenset[str]  # that the command itself imports


def command_of(api: APIClient, container: str, argv: Sequence[str]) -> Command | None:
    """What a container's command is; None when it is not certain to stop in our hook. The container need not run.
    Talks to the engine."""
    config: Mapping[str, Any] = api.inspect_container(container)["Config"]
    environment = dict(one.partition("=")[::2] for one in config.get("Env") or ())
    folder = str(config.get("WorkingDir") or "/")

    def find(program: str) -> tuple[str, bytes] | None:
        for place in candidates(program, environment.get("PATH", ""), folder):
            try:
                return place, archive.read(api, container, place, _SCRIPT)
            except APIError as error:
                if error.status_code != 404:
                    raise
        return None

    return None if prevents(environment) or not argv else _command(argv, find)


def _command(argv: Sequence[str], find: Find) -> Command | None:
    if is_interpreter(argv[0]):
        return Command(argv[0], of_command(argv[1:])) if flags_allow(argv[1:]) else None
    place, script = find(argv[0]) or ("", b"")
    interpreter = named_interpreter(script)
    if interpreter is None:
        return None
    if interpreter.startswith("./"):
        interpreter = posixpath.join(posixpath.dirname(place), interpreter)
    return Command(interpreter, imported([script.decode(errors="replace")]))
