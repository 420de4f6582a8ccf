"""From saved files to what is told, with a real watcher over real folders and a scripted runtime."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import Status, WatchState
from sandbox.daemon.reloading import Reloading
from sandbox.events import Bus, Event, Kind
from sandbox.model import Build, Healthcheck, NoProbe, Project, Service, WatchRule
from sandbox.paths import ProjectPaths
from sandbox.reload.change import Change
from sandbox.runtime.fake import Behaviour, FakeDriver, FakeHost
from sandbox.supervisor.cluster import Cluster, Hooks
from sandbox.supervisor.desired import Desired, VersionKey
from sandbox.supervisor.surroundings import Surroundings
from sandbox.tasks import Tasks
from tests.supervisor.build import a_version
from tests.supervisor.test_cluster import a_place

MILL = VersionKey("mill", "v1")
LONG = 20.0


class House:
    """The mill runs, and its folder is watched."""

    def __init__(self, root: Path, *rules: WatchRule) -> None:
        self.read_at = time.time() + 60.0
        self.folder = root / "mill"
        self.folder.mkdir()
        (self.folder / "app.py").write_text("one")
        (root / "sandbox.yaml").write_text("one")
        quick = Healthcheck(probe=NoProbe(), interval=0.01)
        version = replace(a_version(), build=Build(context=self.folder), healthcheck=quick, watch=rules)
        service = Service(name="mill", versions=(version,))
        self.host, self.bus, self.reread, self.synced = FakeHost(), Bus(), list[Change](), list[Change]()
        project = Project(name="shop", root=root, files=(root / "sandbox.yaml",), services={"mill": service})
        hooks = Hooks(
            endpoints_changed=lambda endpoints: None,
            endpoints_served=lambda: asyncio.sleep(0),
            state_changed=lambda: self.reloading.look(),
            printed=lambda name, since, count: ['  File "app.py", line 3', "KeyError: 'x'"],
            claim_ports=lambda name, declared: {},
        )
        around = Surroundings(places={"mill": a_place("mill")}, user_environment={})
        self.cluster = Cluster(FakeDriver(self.host), Desired(project=project), around, self.bus, hooks)
        self.reloading = Reloading(
            ProjectPaths(root / "home", "shop"),
            self.cluster,
            self.bus,
            last_lines=lambda instance: f"last words of {instance.id}",
            is_image=lambda service, version: False,
            sync=self.synced.append,
            reread=self._reread,
            read_at=lambda: self.read_at,
        )

    async def _reread(self, change: Change) -> None:
        self.reread.append(change)

    def save(self, name: str = "app.py", text: str = "two") -> None:
        (self.folder / name).write_text(text)

    def told(self) -> list[Event]:
        return [event for event in self.bus.history() if event.reload is not None]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LONG):
            while not condition():
                await asyncio.sleep(0.01)

    async def tells(self, count: int = 1) -> Event:
        await self.until(lambda: len(self.told()) >= count)
        return self.told()[count - 1]

    async def runs(self) -> None:
        await self.until(lambda: any(one.ready for one in self.cluster.state.instances.values()))

    async def watches(self) -> None:
        self.reloading.watch(True)
        await self.until(lambda: self.reloading.status().folders)


@asynccontextmanager
async def a_house(root: Path, *rules: WatchRule) -> AsyncIterator[House]:
    house, tasks = House(root, *rules), Tasks()
    tasks.spawn(house.cluster.run(), name="reconcile")
    await house.runs()
    try:
        yield house
    finally:
        await house.reloading.close()
        await house.cluster.close()
        await tasks.close()


async def test_a_save_is_told_with_its_file_and_its_steps(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.watches()
        house.save()
        event = await house.tells()
        assert event.message.startswith("mill reloaded in ")
        assert " after a save of mill/app.py " in event.message
        assert event.reload is not None
        assert list(event.reload.seconds) == ["seen", "started", "ready", "switched", "drained"]
        assert list(event.reload.seconds.values()) == sorted(event.reload.seconds.values())
        await asyncio.sleep(0.1)
        assert house.told() == [event]


@pytest.mark.parametrize("action", ["sync", "sync+exec", "sync+restart"])
async def test_what_is_synced_is_handed_on_and_reloads_only_where_it_says_so(tmp_path: Path, action: str) -> None:
    command = ("true",) if action == "sync+exec" else None
    rule = WatchRule(path=tmp_path / "mill", action=action, target="/srv", command=command)
    async with a_house(tmp_path, rule) as house:
        await house.watches()
        house.save()
        await house.until(lambda: house.synced)
        assert house.synced[0].reactions["v1"].action == action
        assert house.cluster.desired.generation(MILL) == (action == "sync+restart")


async def test_new_code_that_ends_says_where_and_the_next_good_save_clears_it(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.watches()
        house.host.behaviours["mill"] = Behaviour(exits_with=1)
        house.save()
        event = await house.tells()
        assert event.kind is Kind.RELOAD_FAILED
        assert event.message.endswith("mill/app.py: app.py:3: KeyError: 'x'; the previous one serves on")
        assert event.detail == "last words of mill-v1-2"
        del house.host.behaviours["mill"]
        house.save(text="three")
        assert (await house.tells(2)).kind is Kind.SERVICE_RELOADED
        assert all(one.status is Status.HEALTHY for one in house.cluster.state.instances.values())


async def test_a_save_during_a_reload_is_told_with_it(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.watches()
        gate = asyncio.Event()
        house.host.behaviours["mill"] = Behaviour(start_gate=gate)
        house.save()
        await house.until(lambda: "start mill-v1-2" in house.host.calls)
        house.save("menu.py")
        await house.until(lambda: house.cluster.desired.generation(MILL) == 2)
        gate.set()
        event = await house.tells()
        assert event.reload is not None
        assert (event.reload.files, event.reload.count) == (("mill/menu.py", "mill/app.py"), 2)
        assert len(house.told()) == 1


async def test_a_pause_holds_saves_back_and_its_end_applies_them_at_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.watches()
        house.reloading.watch(False)
        house.save()
        house.save("menu.py")
        (tmp_path / "sandbox.yaml").write_text("two")
        await house.until(lambda: house.reloading.status().waiting == {"mill": 2, "": 1})
        assert house.reloading.status().state is WatchState.PAUSED
        assert (house.told(), house.reread) == ([], [])
        house.reloading.watch(True)
        event = await house.tells()
        assert event.reload is not None
        assert event.reload.count == 2
        assert len(house.reread) == 1
        assert house.reloading.status().waiting == {}


async def test_by_hand_without_watching(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        assert house.reloading.status().state is WatchState.OFF
        house.reloading.reload([MILL])
        event = await house.tells()
        assert " by hand " in event.message
        assert house.host.calls.count("prepare mill") == 2


async def test_by_hand_in_a_pause_brings_in_what_was_saved(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.watches()
        house.reloading.watch(False)
        house.save()
        await house.until(lambda: house.reloading.status().waiting == {"mill": 1})
        house.reloading.reload([MILL])
        await house.tells()
        assert house.reloading.status().waiting == {}
        house.reloading.watch(True)
        house.save("menu.py")
        event = await house.tells(2)
        assert event.reload is not None
        assert event.reload.files == ("mill/menu.py",)


async def test_what_is_stopped_is_not_told_of(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.watches()
        desired = house.cluster.desired
        house.cluster.wish(replace(desired, wishes=desired.wishes.with_stopped(frozenset({"mill"}))))
        await house.until(lambda: not house.cluster.state.instances)
        house.save()
        await house.until(lambda: house.cluster.desired.generation(MILL) == 1)
        assert house.told() == []


async def test_a_save_of_a_service_that_just_left_the_project_harms_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.runs()
        house.reloading.reload({VersionKey("inn", "v1"), MILL})
        event = await house.tells()
        assert (event.kind, event.service) == (Kind.SERVICE_RELOADED, "mill")


async def test_what_was_saved_after_it_was_read_and_before_watching_began_is_not_lost(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.read_at = (tmp_path / "sandbox.yaml").stat().st_mtime - 1.0
        await house.watches()
        await house.until(lambda: house.reread)
        assert [path.name for path in house.reread[0].paths] == ["sandbox.yaml"]
        assert house.told() == []  # the mill runs since its file was written


async def test_a_watched_path_that_is_not_there_is_a_warning_while_it_is_so(tmp_path: Path) -> None:
    async with a_house(tmp_path, WatchRule(path=tmp_path / "shared", action="restart")) as house:
        assert house.reloading.warnings() == ()
        await house.watches()
        [warning] = house.reloading.warnings()
        assert str(tmp_path / "shared") in warning
        (tmp_path / "shared").mkdir()
        assert house.reloading.warnings() == ()
