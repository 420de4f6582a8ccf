"""Which modules a service in a container has imported, found out without its noticing: for what its sources don't name.

Its own interpreter, run beside it as its user, looks for file names in its memory. Where the kernel does not allow that
(Yama, for one), nothing is found.
"""

from __future__ import annotations

from pathlib import Path

from docker import APIClient

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker import archive
from sandbox.runtime.docker.archive import File
from sandbox.runtime.docker.engine import Engine
from sandbox.runtime.docker.inside import Inside
from sandbox.runtime.docker.standby.mould import FOLDER
from sandbox.runtime.shim import memory
from sandbox.runtime.zygote.seen import modules

_WITHIN = 20.0
_MOST = 1024 * 1024

_LOOK = f"""
import os, sys
sys.path.insert(0, {FOLDER!r})
import memory
own = (os.getpid(), os.getppid(), 1)
pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in own]
folders = [os.path.dirname(os.__file__), *(path for path in sys.path if path.endswith("-packages"))]
with open({FOLDER + "/seen"!r}, "wb") as file:
    file.write(b"\\n".join(sorted(memory.look(pids, folders))))
"""


async def modules_in(engine: Engine, inside: Inside, container: str, interpreter: str, place: str) -> frozenset[str]:
    """Also names of files that were looked for in vain. None found is no failure; an engine that refuses is one."""
    await engine.call(lambda api: api.put_archive(container, "/", _tool()), place=place)
    try:
        code, _ = await inside.run((interpreter, "-I", "-c", _LOOK), _WITHIN)
    except TimeoutError as error:
        raise RuntimeFailure("looking for what it imported takes too long", place=place) from error
    if code:
        return frozenset()
    found = await engine.call(lambda api: _seen(api, container), place=place)
    return modules(found.splitlines())


def _tool() -> bytes:
    folder = FOLDER.lstrip("/")
    source = Path(memory.__file__).read_bytes()
    return archive.pack({f"{folder}/memory.py": File(source), f"{folder}/seen": File(b"", 0o666)})


def _seen(api: APIClient, container: str) -> str:
    return archive.read(api, container, f"{FOLDER}/seen", _MOST).decode("ascii", "ignore")
