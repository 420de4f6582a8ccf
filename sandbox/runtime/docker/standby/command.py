"""Whether a container's command is a Python program that would stop in our hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docker import APIClient
from docker.errors import APIError

from sandbox.runtime.docker import archive
from sandbox.runtime.docker.program import candidates
from sandbox.runtime.zygote.eligible import flags_allow, is_interpreter, named_interpreter, prevents
from sandbox.runtime.zygote.sources import imported, of_command

_SCRIPT = 64 * 1024
"""Bytes of a program that are read: console scripts have some hundred."""

Read = Callable[[str], bytes | None]


def modules_of(api: APIClient, container: str) -> frozenset[str] | None:
    """What the command itself imports; None when it is not certain to stop in our hook. The container was made and
    need not run. Talks to the engine."""
    details: Mapping[str, Any] = api.inspect_container(container)
    config = details["Config"]
    environment = dict(one.partition("=")[::2] for one in config.get("Env") or ())
    argv = (str(details["Path"]), *details["Args"])

    def find(program: str) -> bytes | None:
        for place in candidates(program, environment.get("PATH", ""), str(config.get("WorkingDir") or "/")):
            try:
                return archive.read(api, container, place, _SCRIPT)
            except APIError as error:
                if error.status_code != 404:
                    raise
        return None

    return None if prevents(environment) else _modules(argv, find)


def _modules(argv: Sequence[str], find: Read) -> frozenset[str] | None:
    if is_interpreter(argv[0]):
        return of_command(argv[1:]) if flags_allow(argv[1:]) else None
    script = find(argv[0])
    if script is None or named_interpreter(script) is None:
        return None
    return imported([script.decode(errors="replace")])
