"""What is put into a container that stands by, and what it and we tell each other: the other side of the hook's `hold`.

Files in it, rather than a mount or a socket: they work with every engine, wherever it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

from docker import APIClient

from sandbox.runtime import zygote
from sandbox.runtime.docker import archive
from sandbox.runtime.docker.archive import File
from sandbox.runtime.docker.engine import Engine, NotThere
from sandbox.runtime.docker.standby.mould import FOLDER

_HOOK = Path(zygote.__file__).parent / "hook"
_PLACE = FOLDER.lstrip("/")
_WRITTEN_INSIDE = 0o666  # by whatever user the service runs as

_MOST_SAID = 16 * 1024
_PAUSE, _LONGEST_PAUSE = 0.005, 0.2


def notes() -> bytes:
    """A tar archive over the root: what any that is held says it in."""
    return archive.pack({f"{_PLACE}/said": File(b"", _WRITTEN_INSIDE)})


def preparations(modules: Iterable[str]) -> bytes:
    """The same, with our hook and the modules that it is to import."""
    record = "".join(f"{name}\n" for name in sorted(modules)).encode()
    return archive.pack(
        {
            **{f"{_PLACE}/hook/{name}": File(data) for name, data in _hook().items()},
            f"{_PLACE}/record": File(record, _WRITTEN_INSIDE),
            f"{_PLACE}/said": File(b"", _WRITTEN_INSIDE),
        }
    )


def start(environment: Mapping[str, str], overlay: Path | None) -> bytes:
    """A tar archive over the root: what the start is given."""
    pairs = "\0".join(f"{name}={value}" for name, value in environment.items())
    newer = overlay.read_bytes() if overlay is not None else b""
    return archive.pack({f"{_PLACE}/go": File(pairs.encode("utf-8", "surrogateescape"))}, newer)


async def heard(engine: Engine, container: str, awaited: Collection[str], within: float, place: str) -> tuple[str, str]:
    """The first of the awaited words that it says, and why. RuntimeFailure when there is none within so many seconds,
    TimeoutError when it takes too long."""
    pause = _PAUSE
    async with asyncio.timeout(within):
        while True:
            said = await engine.call(lambda api: _said(api, container), place=place)
            for line in said.splitlines():
                word, _, why = line.partition("\t")
                if word in awaited:
                    return word, why
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.3)


async def was_let_go(engine: Engine, container: str) -> bool:
    """Whether it got what a start is given. It may be gone: then it was not. RuntimeFailure when the engine can't say:
    what serves must not be taken for what stands by."""
    try:
        await engine.call(lambda api: archive.read(api, container, f"{FOLDER}/go", 0))
    except NotThere:
        return False
    return True


def _said(api: APIClient, container: str) -> str:
    return archive.read(api, container, f"{FOLDER}/said", _MOST_SAID).decode(errors="replace")


@cache
def _hook() -> dict[str, bytes]:
    return {str(file.relative_to(_HOOK)): file.read_bytes() for file in sorted(_HOOK.rglob("*.py"))}
