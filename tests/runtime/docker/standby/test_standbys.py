"""Warm starts in containers: with a real engine, from the first save on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.model import Build
from sandbox.runtime.base import InstanceSpec
from sandbox.runtime.docker import archive
from sandbox.runtime.docker.archive import File
from sandbox.runtime.docker.standby import mould, standbys
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage

SOURCE = """
import decimal, os, sys, time
print("code", 1, "in", os.environ["NAME"], os.environ["SELF"], flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standbys, "SETTLE", 0.0)


class Saves:
    """A service that is saved: each save is one more generation of its files over the image."""

    def __init__(self, theatre: Stage, folder: Path) -> None:
        self.theatre = theatre
        self.folder = folder
        self.count = 0

    def spec(self, number: int, *argv: str, source: str | None = None, **environment: str) -> InstanceSpec:
        self.count += 1
        text = source or SOURCE.replace("1", str(self.count), 1)
        (self.folder / "app.py").write_text(text)
        overlay = self.folder / f"{self.count}.tar"
        overlay.write_bytes(archive.pack({"app/app.py": File(text.encode())}))
        instance = f"web-v1-{number}"
        given = {"NAME": instance, "SELF": "web", "PYTHONUNBUFFERED": "1", **environment}
        spec = self.theatre.spec(
            *(argv or ("python3", "/app/app.py")),
            instance=instance,
            environment=given,
            build=Build(context=self.folder),
        )
        return replace(spec, artifact=replace(spec.artifact, overlay=overlay))

    async def ready(self, instance: str) -> str:
        """The container that stands by for it."""
        async with asyncio.timeout(30):
            while True:
                for site in self.theatre.driver._standbys._sites.values():
                    if site.standby is not None and site.standby.spec.id == instance:
                        return site.standby.container
                await asyncio.sleep(0.02)

    async def logged(self, instance: str, text: str) -> None:
        async with asyncio.timeout(10):
            while text not in self.theatre.log(instance):
                await asyncio.sleep(0.01)


@pytest.fixture
def saves(either: Stage, tmp_path: Path) -> Saves:
    return Saves(either, tmp_path)


async def test_from_the_second_save_on_starts_are_warm(saves: Saves) -> None:
    driver = saves.theatre.driver
    first = await driver.start(saves.spec(1))
    assert first.start == "cold"
    await saves.logged("web-v1-1", "code 1 in web-v1-1 web")

    stands_by = await saves.ready("web-v1-2")
    assert {running.id for running in await driver.running()} == {"web-v1-1"}
    assert saves.theatre.log("web-v1-2") == ""

    second = await driver.start(saves.spec(2, SELF="me"))
    assert (second.start, second.container) == ("warm", stands_by)
    await saves.logged("web-v1-2", "code 2 in web-v1-2 me")
    assert second.started_at > first.started_at
    assert {running.id for running in await driver.running()} == {"web-v1-1", "web-v1-2"}

    await driver.stop("web-v1-1", 5)  # its number is free again
    await saves.theatre.exit()
    await saves.ready("web-v1-1")
    third = await driver.start(saves.spec(1))
    assert (third.start, third.host) == ("warm", first.host)
    await saves.logged("web-v1-1", "code 3 in web-v1-1 web")


async def test_a_file_of_an_earlier_save_is_not_there_any_more(saves: Saves) -> None:
    """The save before went over the image; this one is the image again."""
    driver = saves.theatre.driver
    shows = "import glob, time; print(glob.glob('/app/*'), flush=True); time.sleep(600)"
    await driver.start(saves.spec(1, "python3", "-c", shows))
    await saves.ready("web-v1-2")
    spec = saves.spec(2, "python3", "-c", shows)
    second = await driver.start(replace(spec, artifact=replace(spec.artifact, overlay=None)))
    assert second.start == "warm"
    await saves.logged("web-v1-2", "[]")
    assert saves.theatre.log("web-v1-1") == "['/app/app.py']\n"


async def test_what_is_let_go_ends_and_is_told_like_any_other(saves: Saves) -> None:
    driver = saves.theatre.driver
    await driver.start(saves.spec(1))
    await saves.ready("web-v1-2")
    second = await driver.start(saves.spec(2, source="print('bye'); raise SystemExit(7)"))
    exit = await saves.theatre.exit()
    assert (exit.id, exit.code, exit.pid) == ("web-v1-2", 7, second.pid)
    assert saves.theatre.log("web-v1-2") == "bye\n"


async def test_a_start_that_needs_another_container_is_cold(saves: Saves) -> None:
    driver = saves.theatre.driver
    await driver.start(saves.spec(1))
    stands_by = await saves.ready("web-v1-2")
    spec = saves.spec(2)
    version = replace(spec.workload.version, labels={"a": "b"}, working_dir="/tmp")
    second = await driver.start(replace(spec, workload=replace(spec.workload, version=version)))
    assert second.start == "cold"
    assert second.container != stands_by


async def test_a_start_may_be_made_cold_in_what_stood_by(saves: Saves) -> None:
    driver = saves.theatre.driver
    await driver.start(saves.spec(1))
    stands_by = await saves.ready("web-v1-2")
    second = await driver.start(saves.spec(2, PYTHONUNBUFFERED="x"))
    assert (second.start, second.container) == ("cold", stands_by)
    await saves.logged("web-v1-2", "code 2 in web-v1-2 web")


@pytest.mark.parametrize(
    "end", [lambda saves, container: saves.theatre.engine.api.kill(container), lambda saves, container: None]
)
async def test_one_that_is_gone_or_silent_delays_nothing(
    saves: Saves, monkeypatch: pytest.MonkeyPatch, end: Callable[[Saves, str], None]
) -> None:
    driver = saves.theatre.driver
    await driver.start(saves.spec(1))
    stands_by = await saves.ready("web-v1-2")
    end(saves, stands_by)
    monkeypatch.setattr(standbys, "GOES_ON_WITHIN", 0.0)
    second = await driver.start(saves.spec(2))
    assert second.start == "cold"
    assert second.container != stands_by
    await saves.logged("web-v1-2", "code 2 in web-v1-2 web")


SHELL = "echo $NAME runs; env | grep -E '^(PWD|OLDPWD|SHLVL|_)=' | grep -v '^_=/'; sleep 600"


@pytest.mark.parametrize("warm", [True, False])
async def test_any_other_command_waits_behind_a_shell_and_starts_cold(saves: Saves, warm: bool) -> None:
    def command(number: int) -> InstanceSpec:
        spec = saves.spec(number, *(("sh", "-c", SHELL) if warm else ("python3", "/app/app.py")))
        return replace(spec, workload=replace(spec.workload, warm=warm))

    driver = saves.theatre.driver
    await driver.start(command(1))
    stands_by = await saves.ready("web-v1-2")
    assert saves.theatre.log("web-v1-2") == ""
    assert {running.id for running in await driver.running()} == {"web-v1-1"}

    second = await driver.start(command(2))
    assert (second.start, second.container) == ("cold", stands_by)
    await saves.logged("web-v1-2", "web-v1-2 runs" if warm else "code 2 in web-v1-2")
    async with asyncio.timeout(10):
        while warm and len(saves.theatre.log("web-v1-1")) != len(saves.theatre.log("web-v1-2")):
            await asyncio.sleep(0.02)
    await driver.stop("web-v1-2", 5)
    assert (await saves.theatre.exit()).id == "web-v1-2"


async def test_an_image_without_a_shell_is_given_up(saves: Saves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mould, "_STOP", "exit 1")
    monkeypatch.setattr(standbys, "HERE_WITHIN", 0.3)
    driver = saves.theatre.driver
    await driver.start(saves.spec(1, "sleep", "600"))
    async with asyncio.timeout(30):
        while not (sites := list(driver._standbys._sites.values())) or sites[0].refusals == 0:
            await asyncio.sleep(0.02)
    assert sites[0].standby is None
    assert (await driver.start(saves.spec(2, "sleep", "600"))).start == "cold"


async def test_the_next_supervisor_keeps_what_was_let_go_and_removes_what_was_not(
    saves: Saves, engine: RealEngine
) -> None:
    driver = saves.theatre.driver
    await driver.start(saves.spec(1))
    await saves.ready("web-v1-2")
    second = await driver.start(saves.spec(2))
    third = await saves.ready("web-v1-3")
    await driver.close()

    later = await saves.theatre.open()
    assert {running.id for running in await later.running()} == {"web-v1-1", "web-v1-2"}
    assert third not in {one["Id"] for one in engine.api.containers(all=True)}
    await later.stop("web-v1-2", 5)
    exit = await saves.theatre.exit()
    assert (exit.id, exit.pid) == ("web-v1-2", second.pid)


async def test_nothing_stands_by_for_what_no_longer_runs(saves: Saves, engine: RealEngine) -> None:
    driver = saves.theatre.driver
    await driver.start(saves.spec(1))
    stands_by = await saves.ready("web-v1-2")
    await driver.stop("web-v1-1", 5)
    await saves.theatre.exit()
    async with asyncio.timeout(30):
        while stands_by in {one["Id"] for one in engine.api.containers(all=True)}:
            await asyncio.sleep(0.02)
