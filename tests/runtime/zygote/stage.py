"""A service's folder, its environment with small libraries, and its command started cold and warm."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.paths import ProjectPaths
from sandbox.runtime.base import Exit, Running
from sandbox.runtime.buildpack.python import base_python, find_uv
from sandbox.runtime.client import ShimClient
from sandbox.runtime.zygote.keeper import HOOK
from sandbox.runtime.zygote.record import Record, save
from tests.runtime.home import until

LIBRARIES = {
    "crumb/__init__.py": "import os, threading\nloaded_by = os.getpid()\n",
    "crumb/bits.py": "",
    "crumb/__main__.py": "raise SystemExit('a program, not a module')\n",
    "baker.py": "import sys\ndef main():\n    import app\n    print('baked', sys.argv[1:], app.name)\n    return 7\n",
    "threads.py": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
    "files.py": "handle = open(__file__)\n",
    "prints.py": "print('hello from an import')\n",
    "broken.py": "import no_such_module_anywhere\n",
    "nosy.py": "import os\nall_of_it = dict(os.environ)\n",
    "reads_port.py": "import os\nport = os.environ.get('PORT')\n",
    "reads_home.py": "import os\nhome = os.environ.get('HOME')\n",
    "sets.py": "import os\nos.environ['SET_BY_IMPORT'] = '1'\n",
    "spawns.py": "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n",
    "grpc.py": "",
    "uses_grpc.py": "import grpc\n",
    "optional.py": "try:\n    import extra_speed\nexcept ImportError:\n    extra_speed = None\n",
}


def make_environment(place: Path) -> Path:
    subprocess.run(
        [find_uv(), "venv", "--quiet", "--relocatable", "--no-project", "--python", base_python(), str(place)],
        check=True,
    )
    site = next(place.glob("lib/python3.*/site-packages"))
    for name, text in LIBRARIES.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    script = place / "bin" / "baker"
    script.write_text(f"#!{place}/bin/python\nimport sys\nfrom baker import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return place


@dataclass
class Stage:
    shim: ShimClient
    paths: ProjectPaths
    environment: Path
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        return next(self.environment.glob("lib/python3.*/site-packages"))

    @property
    def env(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.environment / "bin"), os.environ["PATH"]])
        return {"PATH": path, "VIRTUAL_ENV": str(self.environment), "PYTHONUNBUFFERED": "1", **self.variables}

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    async def prepare(self, argv: Sequence[str], *modules: str, record: Record | None = None) -> str:
        """What the zygote says."""
        file = self.paths.state / "record.txt"
        save(file, record or Record(frozenset(modules)))
        path = os.pathsep.join(filter(None, [str(HOOK), self.env.get("PYTHONPATH")]))
        hooked = {**self.env, "PYTHONPATH": path, "SANDBOX_ZYGOTE_RECORD": str(file)}
        return await self.shim.zygote("z", argv, cwd=self.folder, env=hooked, log=self.paths.logs / "z.log")

    async def warm(self, id: str, argv: Sequence[str], **variables: str) -> Running:
        return await self.shim.fork(
            "z",
            id,
            argv,
            cwd=self.folder,
            env={**self.env, **variables},
            log=self.paths.logs / f"{id}.log",
            log_max_bytes=1 << 20,
        )

    async def cold(self, id: str, argv: Sequence[str], **variables: str) -> Running:
        env: Mapping[str, str] = {**self.env, **variables}
        return await self.shim.start(id, argv, cwd=self.folder, env=env, log=self.paths.logs / f"{id}.log")

    def printed(self, id: str) -> str:
        log = self.paths.logs / f"{id}.log"
        return log.read_text() if log.exists() else ""

    async def prints(self, id: str, text: str) -> None:
        await until(lambda: text in self.printed(id))

    async def both(self, argv: Sequence[str], **variables: str) -> tuple[Ended, Ended]:
        """The command run to its end cold, then warm."""
        exits = aiter(self.shim.exits("service"))
        found = []
        for start, id in ((self.cold, "cold"), (self.warm, "warm")):
            running = await start(id, argv, **variables)
            assert running.start == id
            async with asyncio.timeout(20):
                exit = await anext(exits)
                while exit.pid != running.pid:  # the last of an earlier round is told again
                    exit = await anext(exits)
            found.append(Ended(exit, self.printed(id)))
        return found[0], found[1]


@dataclass(frozen=True)
class Ended:
    exit: Exit
    printed: str

    @property
    def how(self) -> tuple[int | None, int | None]:
        return self.exit.code, self.exit.signal
