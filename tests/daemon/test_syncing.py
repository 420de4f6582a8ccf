"""Saved files go into the containers that run, and into those that start later. A scripted runtime, real files."""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import Status
from sandbox.daemon.initialsync import everything
from sandbox.daemon.synced import MOST_BYTES, Synced, SyncedDriver, pack
from sandbox.daemon.syncing import Syncing
from sandbox.errors import RuntimeFailure
from sandbox.events import Bus, Event, Kind
from sandbox.model import Build, Healthcheck, Mount, MountKind, NoProbe, Project, Service, Version, WatchRule
from sandbox.reload.change import Action, Change, Copy, Reaction
from sandbox.runtime.fake import Behaviour, FakeDriver, FakeHost
from sandbox.supervisor.cluster import Cluster, Hooks
from sandbox.supervisor.desired import Desired, VersionKey
from sandbox.supervisor.surroundings import Surroundings
from sandbox.tasks import Tasks
from tests.supervisor.build import a_version
from tests.supervisor.test_cluster import a_place

MILL = VersionKey("mill", "v1")


class House:
    """A mill in two containers, or two processes; its pages are synced to /srv/pages."""

    def __init__(self, root: Path, runtime: str = "docker", rule: WatchRule | None = None) -> None:
        self.pages = root / "pages"
        self.pages.mkdir()
        self.page = self.save("index.html", "one")
        self.state = root / "docker"
        quick = Healthcheck(probe=NoProbe(), interval=0.01)
        rules = (rule or WatchRule(path=self.pages, action="sync", target="/srv/pages"),)
        self.version = replace(a_version(), build=Build(context=root), healthcheck=quick, watch=rules, replicas=2)
        self.host, self.bus = FakeHost(), Bus()
        self.driver = SyncedDriver({runtime: FakeDriver(self.host)}, Synced(self.state))
        project = Project(name="shop", root=root, files=(), services={"mill": self._service()})
        hooks = Hooks(
            endpoints_changed=lambda endpoints: None,
            endpoints_served=lambda: asyncio.sleep(0),
            state_changed=lambda: None,
            printed=lambda name, since, count: [],
            claim_ports=lambda name, declared: {},
        )
        place = replace(a_place("mill"), runtime=runtime)
        around = Surroundings(places={"mill": place}, user_environment={})
        self.cluster = Cluster(self.driver, Desired(project=project), around, self.bus, hooks)
        self.syncing = Syncing(self.driver, self.cluster, self.bus, lambda service: runtime == "docker")

    def _service(self) -> Service:
        return Service(name="mill", versions=(self.version,))

    def save(self, name: str, text: str) -> Copy:
        (self.pages / name).write_text(text)
        return Copy(self.pages / name, f"/srv/pages/{name}")

    def takes(self, *copies: Copy, action: Action = Action.SYNC, command: tuple[str, ...] | None = None) -> None:
        now = time.time()
        reaction = Reaction(action=action, copies=copies, commands=(command,) if command else ())
        paths = tuple(copy.source for copy in copies)
        change = Change(
            service="mill", reactions={"v1": reaction}, paths=paths, count=len(paths), saved=now, seen=now, decided=now
        )
        self.syncing.take(change)
        if action in (Action.SYNC_RESTART, Action.REBUILD):
            desired = self.cluster.desired
            self.cluster.wish(replace(desired, wishes=desired.wishes.reloaded(frozenset({MILL}))))

    async def tells(self, count: int = 1) -> Event:
        await until(lambda: len(self.told()) >= count)
        return self.told()[count - 1]

    def told(self) -> list[Event]:
        return [event for event in self.bus.history() if event.reload is not None]

    async def runs(self) -> None:
        await until(lambda: len(self.host.running) == 2 and all(i.ready for i in self.cluster.state.instances.values()))

    def calls(self, *words: str) -> list[str]:
        return [call for call in self.host.calls if call.startswith(words)]

    def overlay(self, instance: str) -> dict[str, str]:
        """What an instance was started with, over its image."""
        path = self.host.specs[instance].artifact.overlay
        return _files(path.read_bytes()) if path is not None else {}


def _files(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {f"/{one.name}": found.read().decode() for one in tar if (found := tar.extractfile(one)) is not None}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def lived_in(house: House) -> AsyncIterator[House]:
    tasks = Tasks()
    tasks.spawn(house.cluster.run(), name="reconcile")
    try:
        yield house
    finally:
        await house.syncing.close()
        await house.cluster.stop_everything()
        await tasks.close()
        await house.driver.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with lived_in(House(tmp_path)) as made:
        await made.runs()
        yield made


async def test_a_save_goes_into_every_container_and_nothing_restarts(house: House) -> None:
    house.takes(house.save("index.html", "two"))
    event = await house.tells()
    assert sorted(house.calls("copy")) == [
        "copy mill-v1-1 /srv/pages/index.html",
        "copy mill-v1-2 /srv/pages/index.html",
    ]
    assert event.kind is Kind.SERVICE_SYNCED
    assert event.message.startswith("mill synced in 0.")
    assert " after a save of pages/index.html (seen 0, copied " in event.message
    assert event.reload is not None
    assert list(event.reload.seconds) == ["seen", "copied"]
    assert house.calls("stop") == []
    assert len(house.calls("prepare")) == 1


async def test_what_is_gone_is_removed_there(house: House) -> None:
    copy = house.save("old.html", "x")
    copy.source.unlink()
    house.takes(house.save("index.html", "two"), copy)
    await house.tells()
    assert house.calls("copy mill-v1-1") == ["copy mill-v1-1 /srv/pages/index.html -/srv/pages/old.html"]
    house.takes(copy)
    await house.tells(2)
    assert house.calls("copy mill-v1-1")[1:] == ["copy mill-v1-1 -/srv/pages/old.html"]


async def test_a_command_runs_after_the_copies_in_each(house: House) -> None:
    house.takes(house.save("index.html", "two"), action=Action.SYNC_EXEC, command=("nginx", "-s", "reload"))
    event = await house.tells()
    order = [call.split()[0] for call in house.calls("copy", "run")]
    assert order == ["copy", "copy", "run", "run"]
    assert ", ran `nginx -s reload` (seen " in event.message
    assert event.reload is not None
    assert list(event.reload.seconds) == ["seen", "copied", "ran"]


async def test_a_command_that_fails_is_told_with_its_output(house: House) -> None:
    house.host.behaviours["mill"] = Behaviour(commands={("lint",): (3, "line 7: no")})
    house.takes(house.page, action=Action.SYNC_EXEC, command=("lint",))
    event = await house.tells()
    assert event.kind is Kind.RELOAD_FAILED
    assert event.message == (
        "mill failed to sync after a save of pages/index.html: `lint` ended with exit code 3 in mill-v1-1"
    )
    assert event.detail == "line 7: no"


async def test_a_copy_that_fails_is_told_and_the_others_have_it(house: House) -> None:
    house.host.behaviours["mill-v1-1"] = Behaviour(copy_error=RuntimeFailure("no space left", place="mill-v1-1"))
    house.takes(house.page)
    event = await house.tells()
    assert event.message == "mill failed to sync after a save of pages/index.html: mill-v1-1: no space left"
    assert len(house.calls("copy")) == 2


async def test_saves_during_a_command_are_one_sync_after_it(house: House) -> None:
    gate = asyncio.Event()
    house.host.behaviours["mill"] = Behaviour(run_gate=gate)
    house.takes(house.page, action=Action.SYNC_EXEC, command=("slow",))
    await until(lambda: house.calls("run"))
    for name in ("a.html", "b.html", "a.html"):
        house.takes(house.save(name, "x"), action=Action.SYNC_EXEC, command=("slow",))
    gate.set()
    event = await house.tells(2)
    assert "after a save of pages/a.html and 1 more" in event.message
    assert house.calls("copy mill-v1-1")[1:] == ["copy mill-v1-1 /srv/pages/a.html /srv/pages/b.html"]
    assert len(house.told()) == 2


async def test_a_service_that_leaves_while_it_is_synced_is_not_told_of(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()
    house.host.behaviours["mill"] = Behaviour(run_gate=gate)
    house.takes(house.page, action=Action.SYNC_EXEC, command=("slow",))
    await until(lambda: house.calls("run"))
    desired = house.cluster.desired
    house.cluster.desired = replace(desired, project=replace(desired.project, services={}))
    gate.set()
    await until(lambda: not house.syncing._working)
    await asyncio.sleep(0)
    house.cluster.desired = desired
    assert (house.told(), caplog.records) == ([], [])


async def test_an_instance_that_starts_later_has_what_was_synced(house: House) -> None:
    assert house.overlay("mill-v1-1") == {}
    house.takes(house.save("index.html", "two"))
    await house.tells()
    house.host.end("mill-v1-1", code=1)
    await until(lambda: house.overlay("mill-v1-1"))
    assert house.overlay("mill-v1-1") == {"/srv/pages/index.html": "two"}


async def test_what_is_saved_while_an_instance_starts_is_brought_after_it(house: House) -> None:
    gate = asyncio.Event()
    house.host.behaviours["mill-v1-1"] = Behaviour(start_gate=gate)
    house.host.end("mill-v1-1", code=1)
    await until(lambda: len(house.calls("start mill-v1-1")) == 2)
    house.takes(house.save("index.html", "two"))
    await house.tells()
    assert house.calls("copy mill-v1-1") == []
    gate.set()
    await until(lambda: house.calls("copy mill-v1-1"))


async def test_sync_and_restart_takes_the_image_that_is_there(house: House) -> None:
    house.takes(house.save("index.html", "two"), action=Action.SYNC_RESTART)
    await until(lambda: len(house.calls("start")) == 4)
    assert len(house.calls("prepare")) == 1
    assert house.overlay("mill-v1-3") == {"/srv/pages/index.html": "two"}
    assert house.told() == []  # the reload is told

    desired = house.cluster.desired
    house.cluster.wish(replace(desired, wishes=desired.wishes.restarted(frozenset({"mill"}))))
    await until(lambda: len(house.calls("prepare")) == 2)


async def test_a_rebuild_that_waits_is_not_lost_to_a_later_sync_and_restart(house: House) -> None:
    gate = asyncio.Event()
    house.host.behaviours["mill"] = Behaviour(prepare_gate=gate)
    house.takes(house.save("index.html", "two"), action=Action.REBUILD)
    await until(lambda: len(house.calls("prepare")) == 2)
    house.takes(house.save("style.css", "two"), action=Action.REBUILD)  # in the middle of the first
    house.takes(house.save("index.html", "three"), action=Action.SYNC_RESTART)
    gate.set()
    await until(lambda: len(house.calls("prepare")) == 3)


async def test_a_rebuild_that_failed_is_tried_again_by_a_later_sync_and_restart(house: House) -> None:
    house.host.behaviours["mill"] = Behaviour(prepare_error=RuntimeFailure("no network"))
    house.takes(house.save("index.html", "two"), action=Action.REBUILD)
    await until(lambda: house.cluster.state.versions[MILL].status is Status.FAILED)
    house.host.behaviours.clear()
    house.takes(house.save("index.html", "three"), action=Action.SYNC_RESTART)
    await until(lambda: house.cluster.state.versions[MILL].status is Status.HEALTHY)
    assert len(house.calls("prepare")) == 3


async def test_sync_and_restart_of_what_is_gone_makes_an_image_without_it(house: House) -> None:
    house.page.source.unlink()
    house.takes(house.page, action=Action.SYNC_RESTART)
    await until(lambda: len(house.calls("start")) == 4)
    assert len(house.calls("prepare")) == 2


async def test_processes_read_the_files_themselves(tmp_path: Path) -> None:
    async with lived_in(House(tmp_path, "process")) as house:
        await house.runs()
        house.takes(house.page, action=Action.SYNC_EXEC, command=("touch", "x"))
        event = await house.tells()
        assert house.calls("copy") == []
        assert len(house.calls("run")) == 2
        assert "pages/index.html: a process reads the files themselves, ran `touch x` (" in event.message
        assert not house.state.exists()


async def test_a_new_supervisor_remembers(house: House) -> None:
    house.takes(house.page)
    assert Synced(house.state).files(MILL, house.version) == (house.page,)
    assert (house.state / "synced.json").stat().st_mode & 0o777 == 0o600
    other = replace(house.version, watch=())
    assert Synced(house.state).files(MILL, other) == ()

    (house.state / "synced.json").write_text("[")
    assert Synced(house.state).files(MILL, house.version) == ()


async def test_a_first_copy_of_everything(tmp_path: Path) -> None:
    rule = WatchRule(path=tmp_path / "pages", action="sync", target="/srv", initial_sync=True, ignore=("*.md",))
    house = House(tmp_path, rule=rule)
    house.save("notes.md", "")
    house.save("page.html~", "")
    async with lived_in(house):
        await house.runs()
        assert house.overlay("mill-v1-1") == {"/srv/index.html": "one"}


def test_everything_of_a_rule(tmp_path: Path) -> None:
    for name in ("a.js", "deep/b.js", "deep/c.css", ".git/d.js", "out/e.js", "node_modules/f.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("out/\n")
    rule = WatchRule(path=tmp_path, action="sync", target="/web", include=("**/*.js",))
    assert [copy.target for copy in everything(rule)] == ["/web/a.js", "/web/deep/b.js"]
    one = WatchRule(path=tmp_path / "a.js", action="sync", target="/web/main.js")
    assert list(everything(one)) == [Copy(tmp_path / "a.js", "/web/main.js")]


def test_what_is_mounted_there_is_not_copied(tmp_path: Path) -> None:
    house = Synced(tmp_path)
    rule = WatchRule(path=tmp_path, action="sync", target="/web")
    mounts = (Mount(kind=MountKind.BIND, source=str(tmp_path), target="/web/src/"),)
    version: Version = replace(a_version(), watch=(rule,), mounts=mounts)
    inside, beside = Copy(tmp_path / "src" / "a", "/web/src/a"), Copy(tmp_path / "b", "/web/srcb")
    house.add(MILL, [inside, beside])
    assert house.files(MILL, version) == (beside,)


def test_files_are_readable_for_whatever_user_there_is(tmp_path: Path) -> None:
    for name, mode in {"a": 0o600, "b": 0o700}.items():
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(mode)
    copies = [Copy(tmp_path / name, f"/x/{name}") for name in ("a", "b", "gone")]
    with tarfile.open(fileobj=io.BytesIO(pack(copies))) as tar:
        assert [(one.name, one.mode, one.uid) for one in tar] == [("x/a", 0o644, 0), ("x/b", 0o755, 0)]
        assert int((tmp_path / "a").stat().st_mtime) == tar.getmember("x/a").mtime


def test_what_is_newer_than_the_image_comes_first(tmp_path: Path) -> None:
    before, after = Copy(tmp_path / "a", "/x"), Copy(tmp_path / "b", "/x")
    before.source.write_text("before")
    after.source.write_text("after")
    assert _files(pack([after], pack([before]))) == {"/x": "after"}


def test_too_much_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(RuntimeFailure, match="more than 64 MB are to be synced") as failure:
        pack([Copy(tmp_path / "big", "/big")])
    assert failure.value.hint.startswith("leave out what is not needed")
