"""Bringing saved files into a container that runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker.engine import Engine

_ROOT = "0"


async def bring(engine: Engine, container: str, archive: bytes, gone: Sequence[str], place: str) -> None:
    """Unpack an archive over its root, and remove what is gone. RuntimeFailure."""

    def work(api: Any) -> str:
        if archive:
            api.put_archive(container, "/", archive)
        return _remove(api, container, gone) if gone else ""

    if said := await engine.call(work, place=place):
        raise RuntimeFailure(f"{' '.join(gone)} can't be removed there: {said}", place=place)


def _remove(api: Any, container: str, gone: Sequence[str]) -> str:
    """Why not, if so. With dropped capabilities root may not do everything, so whoever owns the folder does it."""
    return _executed(api, container, ["rm", "-rf", "--", *gone], "") and _executed(
        api, container, ["rm", "-rf", "--", *gone], _ROOT
    )


def _executed(api: Any, container: str, argv: Sequence[str], user: str) -> str:
    """What a command said that failed."""
    made = api.exec_create(container, list(argv), user=user)["Id"]
    said = api.exec_start(made).decode(errors="replace").strip()
    code = api.exec_inspect(made)["ExitCode"]
    return (said.splitlines() or [f"exit code {code}"])[-1] if code else ""
