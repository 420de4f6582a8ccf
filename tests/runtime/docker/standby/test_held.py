"""Whether what stood by has become what serves, by the engine's word alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.base import Running
from sandbox.runtime.docker import archive, labels
from sandbox.runtime.docker.archive import File
from sandbox.runtime.docker.driver import DockerDriver
from sandbox.runtime.docker.standby.held import was_let_go
from tests.runtime.docker.scripted import ScriptedEngine, refusal
from tests.runtime.home import project_paths


class Api:
    def __init__(self, status: int = 200) -> None:
        self._status = status

    def get_archive(self, container: str, path: str) -> tuple[Iterator[bytes], object]:
        if self._status != 200:
            raise refusal(self._status, f"{path} can't be had")
        return iter([archive.pack({"go": File(b"")})]), {}


async def test_it_was_let_go_once_it_has_what_a_start_is_given() -> None:
    assert await was_let_go(ScriptedEngine(Api()), "c1")
    assert not await was_let_go(ScriptedEngine(Api(404)), "c1")


async def test_an_engine_that_can_not_say_makes_nothing_of_what_serves() -> None:
    with pytest.raises(RuntimeFailure):
        await was_let_go(ScriptedEngine(Api(500)), "c1")


@pytest.mark.parametrize("status", ["removing", "dead"])
async def test_what_is_on_its_way_out_is_not_asked(status: str) -> None:
    with project_paths() as paths:
        driver = DockerDriver(paths, {}, lambda said: None)
        driver._engine = ScriptedEngine(Api(500))
        details = {"State": {"Status": status}, "Config": {"Labels": {labels.ROLE: labels.STANDBY}}}
        stood_by = Running(id="web-v1-1", pid=None, container="c1", started_at=0.0, host="")
        assert await driver._is_useless(details, stood_by)
