"""Several runtimes as one: each service has its own, and nobody above needs to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from sandbox.control import ExecSpec
from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Artifact, Driver, Exit, InstanceSpec, Output, Running, Usage, Workload
from sandbox.tasks import Tasks


class MixedDriver:
    """Keeps the contract of `base.Driver` for drivers that are open already; `add` takes one more at any time."""

    name = "mixed"

    def __init__(self, drivers: Mapping[str, Driver]) -> None:
        self._drivers: dict[str, Driver] = {}
        self._where: dict[str, str] = {}  # instance → the driver that started it last
        self._exits: asyncio.Queue[Exit | BaseException] = asyncio.Queue()
        self._tasks = Tasks()
        for name, driver in drivers.items():
            self.add(name, driver)

    def add(self, name: str, driver: Driver) -> None:
        """Does nothing for one that is there already."""
        if self._drivers.get(name) is driver:
            return
        self._drivers[name] = driver
        self._tasks.spawn(self._hear(driver), name=f"hear exits of {name}")

    async def open(self) -> None:
        """The drivers are open."""

    async def close(self) -> None:
        """Leaves the drivers open."""
        await self._tasks.close()

    async def clear(self) -> None:
        """One that fails keeps none of the others from it."""
        cleared = (driver.clear() for driver in self._drivers.values())
        for failure in await asyncio.gather(*cleared, return_exceptions=True):
            if failure is not None:
                raise failure

    async def prepare(self, workload: Workload, output: Output) -> Artifact:
        return await self._driver(workload.runtime).prepare(workload, output)

    async def start(self, spec: InstanceSpec) -> Running:
        runtime = spec.workload.runtime
        running = await self._driver(runtime).start(spec)
        self._where[spec.id] = runtime
        return running

    async def stop(self, instance: str, grace: float) -> None:
        """Wherever it runs: a service that changed its runtime may still have its last instance in the old one."""
        await asyncio.gather(*(driver.stop(instance, grace) for driver in self._drivers.values()))

    async def running(self) -> tuple[Running, ...]:
        found: list[Running] = []
        for name, driver in self._drivers.items():
            for running in await driver.running():
                self._where[running.id] = name
                found.append(running)
        return tuple(found)

    async def usage(self) -> tuple[Usage, ...]:
        """One that can't be asked leaves those of the others."""
        asked = (driver.usage() for driver in self._drivers.values())
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return tuple(one for answer in answers if not isinstance(answer, BaseException) for one in answer)

    async def exits(self) -> AsyncIterator[Exit]:
        while True:
            exit = await self._exits.get()
            if isinstance(exit, BaseException):
                raise exit
            yield exit

    async def run(self, instance: str, argv: Sequence[str], timeout: float) -> tuple[int, str]:
        return await self._of(instance).run(instance, argv, timeout)

    async def copy(self, instance: str, archive: bytes, gone: Sequence[str] = ()) -> None:
        await self._of(instance).copy(instance, archive, gone)

    def exec_spec(self, instance: str, argv: Sequence[str]) -> ExecSpec:
        if instance not in self._where:
            raise KeyError(instance)
        return self._of(instance).exec_spec(instance, argv)

    def _driver(self, runtime: str) -> Driver:
        if runtime not in self._drivers:
            raise RuntimeFailure(f"the {runtime} runtime is not there", hint="see: sandbox doctor")
        return self._drivers[runtime]

    def _of(self, instance: str) -> Driver:
        where = self._where.get(instance)
        if where is None:
            raise RuntimeFailure(f"{instance} is not running", place=instance)
        return self._driver(where)

    async def _hear(self, driver: Driver) -> None:
        try:
            async for exit in driver.exits():
                self._exits.put_nowait(exit)
        except Exception as error:
            self._exits.put_nowait(error)
