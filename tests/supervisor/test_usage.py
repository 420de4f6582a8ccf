from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.control import InstanceUsage
from sandbox.model import Project
from sandbox.runtime.base import Usage
from sandbox.runtime.fake import FakeDriver
from sandbox.supervisor.state import ClusterState, InstanceState
from sandbox.supervisor.usage import UsageWatch

PROJECT = Project(name="p", root=Path("/"), files=(), services={})
STATE = ClusterState(
    instances={"web-v1-1": InstanceState(id="web-v1-1", service="web", version="v1", index=1, restarts=3)}
)


class Measured(FakeDriver):
    def __init__(self, *looks: tuple[Usage, ...]) -> None:
        super().__init__()
        self.looks = list(looks)

    async def usage(self) -> tuple[Usage, ...]:
        return self.looks.pop(0)


def used(id: str, seconds: float) -> Usage:
    return Usage(id=id, cpu_seconds=seconds, memory=1 << 20, memory_limit=None, open_files=None)


@pytest.mark.parametrize(("after", "cores"), [(3.0, 0.5), (0.5, 0.0)])
async def test_cores_are_what_was_used_since_the_look_before(after: float, cores: float) -> None:
    driver = Measured((used("web-v1-1", 1.0), used("gone-v1-1", 1.0)), (used("web-v1-1", after),))
    times = iter([10.0, 10.0, 14.0])
    heard: list[tuple[InstanceUsage, ...]] = []
    watch = UsageWatch(driver, lambda: PROJECT, lambda: STATE, heard.append, clock=lambda: next(times))

    await watch.look()
    await watch.look()

    assert [[(one.instance, one.cpu) for one in look] for look in heard] == [[("web-v1-1", 0.0)], [("web-v1-1", cores)]]
    assert (watch.now[0].restarts, watch.now[0].memory) == (3, 1 << 20)
