"""A project of real folders under a real watcher, which writes down what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sandbox.model import Build, Healthcheck, NoProbe, Project, Service, Version, WatchRule
from sandbox.reload.change import Change, Notice
from sandbox.reload.watcher import Watcher
from sandbox.tasks import Tasks

FENCE = "fence"
LONG = 20.0
"""Seconds that nothing here takes; a test that waits so long has failed."""


def version(context: Path | None, *rules: WatchRule, name: str = "v1", **more: Any) -> Version:
    build = Build(context=context) if context is not None else None
    image = None if context is not None else "redis"
    return Version(name=name, build=build, image=image, healthcheck=Healthcheck(probe=NoProbe()), watch=rules, **more)


def project_of(root: Path, services: Mapping[str, Path | Version | tuple[Version, ...]], *files: Path) -> Project:
    """With one more service, whose folder `Stage.fence` writes to."""
    (root / FENCE).mkdir(exist_ok=True)
    found = {}
    for name, given in {**services, FENCE: root / FENCE}.items():
        versions = given if isinstance(given, tuple) else (version(given) if isinstance(given, Path) else given,)
        found[name] = Service(name=name, versions=versions)
    return Project(name="shop", root=root, files=files, services=found)


class Stage:
    """`changes` and `notices` grow; the waiting functions return as soon as what they wait for is there."""

    def __init__(self, project: Project, **options: Any) -> None:
        self._fence = project.root / FENCE / "fence.py"
        self._fences = 0
        self.changes: list[Change] = []
        self.notices: list[Notice] = []
        self._told = asyncio.Event()
        self.watcher = Watcher(project, tell=self._tell, warn=self._warn, **options)

    def _tell(self, change: Change) -> None:
        if change.service == FENCE:
            self._fences += 1
        else:
            self.changes.append(change)
        self._told.set()

    def _warn(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._told.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LONG):
            while not condition():
                self._told.clear()
                await self._told.wait()

    async def until_not(self, condition: Callable[[], object]) -> None:
        """Of what nothing is told about."""
        async with asyncio.timeout(LONG):
            while condition():
                await asyncio.sleep(0.01)

    async def told(self, count: int = 1) -> list[Change]:
        await self.until(lambda: len(self.changes) >= count)
        return self.changes

    async def fence(self) -> None:
        """Returns when everything that was saved before has been told: hints come in order."""
        seen = self._fences
        self._fence.write_text(f"later {seen}")
        await self.until(lambda: self._fences > seen)
        async with asyncio.timeout(LONG):
            while not self.watcher.idle:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(project: Project, **options: Any) -> AsyncIterator[Stage]:
    stage = Stage(project, **options)
    failures: list[BaseException] = []
    tasks = Tasks(lambda name, error: failures.append(error))
    running = tasks.spawn(stage.watcher.run(), name="watcher")
    ready = tasks.spawn(stage.watcher.ready.wait(), name="ready")
    await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=LONG)
    try:
        assert stage.watcher.ready.is_set(), failures
        yield stage
        assert not failures
    finally:
        await tasks.close()
