"""The watcher over real folders, beyond how a file is saved."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sandbox.model import ReloadSettings, WatchRule
from sandbox.reload import flaps, ground, lane, settle
from sandbox.reload.change import Action
from sandbox.reload.flaps import IN_A_ROW
from sandbox.reload.notify import Watchfiles
from tests.reload.stage import LONG, Stage, project_of, version, watching


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("one")
    return root


async def test_a_plain_save_is_told_in_a_moment(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", "app.py")
    took = []
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        for number in range(30):
            saved = time.time()
            (folder / "app.py").write_text(f"print({'x' * number})")
            change = (await stage.told(number + 1))[-1]
            took.append(change.decided - saved)
            assert saved - 0.01 <= change.saved <= change.seen <= change.decided
    assert statistics.median(took) < 0.100  # 0.02 on a machine with nothing else to do


async def test_only_the_owner_and_all_owners_reload(tmp_path: Path) -> None:
    make(tmp_path, "orders/app.py", "pantry/app.py", "mill/app.py", "shared/money.py", "notes.txt")
    rule = WatchRule(path=tmp_path / "shared", action="restart")
    services = {"orders": version(tmp_path / "orders", rule), "pantry": version(tmp_path / "pantry", rule)}
    async with watching(project_of(tmp_path, {**services, "mill": tmp_path / "mill"})) as stage:
        (tmp_path / "notes.txt").write_text("two")
        (tmp_path / "pantry" / "app.py").write_text("two")
        await stage.fence()
        assert [change.service for change in stage.changes] == ["pantry"]

        (tmp_path / "shared" / "money.py").write_text("two")
        await stage.fence()
        assert sorted(str(change.service) for change in stage.changes[1:]) == ["orders", "pantry"]


async def test_what_was_written_since_a_service_runs_counts_as_saved_when_watching_begins(tmp_path: Path) -> None:
    make(tmp_path, "orders/app.py", "orders/lib.py", "pantry/app.py", "mill/app.py")
    os.utime(tmp_path / "orders" / "lib.py", (1000.0, 1000.0))
    services = {name: tmp_path / name for name in ("orders", "pantry", "mill")}
    now = time.time()
    since = {"orders": now - 60.0, "pantry": now + 60.0}
    async with watching(project_of(tmp_path, services), run_since=since) as stage:
        [change] = await stage.told()
        assert (change.service, change.paths) == ("orders", (tmp_path / "orders" / "app.py",))
        assert change.reactions["v1"].action is Action.RESTART
        await stage.fence()
        assert len(stage.changes) == 1


async def test_what_is_ignored(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "orders",
        *("app.py", "made/x.py", "made/keep.py", "lib/gen.py", "docs/a.py", "data/a.csv", "environment/bin/python"),
    )
    (folder / ".gitignore").write_text("made/*\n!made/keep.py\n")
    (folder / "lib" / ".gitignore").write_text("gen.py\n")
    (folder / ".dockerignore").write_text("docs\n")
    (folder / "environment" / "pyvenv.cfg").write_text("")
    logs = folder / "state"
    rule = WatchRule(path=folder / "data", action="restart", ignore=("*.csv",))
    async with watching(project_of(tmp_path, {"orders": version(folder, rule)}), own=[logs]) as stage:
        ignored = ["made/x.py", "lib/gen.py", "docs/a.py", "data/a.csv", "environment/bin/python", "state/x.txt"]
        made = ["__pycache__/app.pyc", ".venv/a.py", "node_modules/a/index.js", ".git/HEAD", ".app.py.swp", "app.py~"]
        make(folder, *ignored, *made, "app.log", ".mypy_cache/x", "orders.sqlite3", "orders.db-journal")
        await stage.fence()
        assert stage.changes == []

        (folder / "made" / "keep.py").write_text("two")
        [change] = await stage.told()
        assert change.paths == (folder / "made" / "keep.py",)


async def test_ignore_rules_change_without_a_reload(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", "app.py", "made/x.py")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        (folder / ".gitignore").write_text("made/\n")
        await stage.fence()
        (folder / "made" / "x.py").write_text("two")
        await stage.fence()
        assert stage.changes == []

        (folder / ".gitignore").unlink()
        await stage.fence()
        (folder / "made" / "x.py").write_text("three")
        await stage.told()
        assert len(stage.changes) == 1


async def test_a_folder_that_is_named_is_watched_though_git_ignores_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    folder = make(tmp_path / "web", "app.py", "dist/app.js")
    (tmp_path / ".gitignore").write_text("dist/\n")
    rule = WatchRule(path=folder / "dist", action="sync", target="/app/dist")
    async with watching(project_of(tmp_path, {"web": version(folder, rule)})) as stage:
        (folder / "dist" / "app.js").write_text("two")
        [change] = await stage.told()
    assert change.reactions["v1"].action is Action.SYNC


async def test_a_version_that_is_not_to_be_watched_is_not(tmp_path: Path) -> None:
    make(tmp_path, "orders/app.py", "orders/next/app.py", "pantry/app.py")
    off = ReloadSettings(watch=False)
    versions = (version(tmp_path / "orders"), version(tmp_path / "orders" / "next", name="v2", reload=off))
    pantry = version(tmp_path / "pantry", reload=off)
    async with watching(project_of(tmp_path, {"orders": versions, "pantry": pantry})) as stage:
        make(tmp_path, "orders/next/more.py", "pantry/more.py")
        await stage.fence()
        assert stage.changes == []
        (tmp_path / "orders" / "app.py").write_text("two")
        [change] = await stage.told()
        assert list(change.reactions) == ["v1"]


async def test_ignored_folders_cost_no_watch(tmp_path: Path) -> None:
    folder = make(tmp_path / "web", "app.js", "lib/a.js", *(f"node_modules/p{number}/i.js" for number in range(200)))
    for number in range(100):
        (folder / ".git" / "objects" / f"{number:02x}").mkdir(parents=True)
    opened: list[list[str]] = []

    def remember(folders: list[str]) -> object:
        opened.append(folders)
        return Watchfiles(folders)

    async with watching(project_of(tmp_path, {"web": folder}), open_source=remember) as stage:
        assert stage.watcher.folders == len(opened[-1])
        assert opened == [[str(tmp_path), str(tmp_path / "fence"), str(folder), str(folder / "lib")]]
        assert inotify_watches() == len(opened[-1])


def inotify_watches() -> int:
    """Those of this process, as the kernel counts them."""
    infos = [entry.read_text() for entry in Path("/proc/self/fdinfo").iterdir() if entry.exists()]
    return sum(text.count("\ninotify ") + text.startswith("inotify ") for text in infos)


async def test_the_projects_own_files_are_a_change_of_configuration(tmp_path: Path) -> None:
    make(tmp_path, "hello/app.py", "sandbox.yaml")
    files = (tmp_path / "sandbox.yaml", tmp_path / ".env", tmp_path / "profiles" / "dev.yaml")
    async with watching(project_of(tmp_path, {"hello": tmp_path / "hello"}, *files)) as stage:
        (tmp_path / "sandbox.yaml").write_text("two")
        [change] = await stage.told()
        assert (change.config, change.service, change.paths) == (True, None, (tmp_path / "sandbox.yaml",))
        (tmp_path / ".env").write_text("A=1")
        assert (await stage.told(2))[1].paths == (tmp_path / ".env",)
        (tmp_path / "profiles").mkdir()
        (tmp_path / "profiles" / "dev.yaml").write_text("three")
        assert (await stage.told(3))[2].paths == (tmp_path / "profiles" / "dev.yaml",)


async def test_a_project_that_changed_is_followed(tmp_path: Path) -> None:
    make(tmp_path, "orders/app.py", "pantry/app.py")
    async with watching(project_of(tmp_path, {"orders": tmp_path / "orders"})) as stage:
        stage.watcher.follow(project_of(tmp_path, {"pantry": tmp_path / "pantry"}))
        await stage.fence()
        (tmp_path / "orders" / "app.py").write_text("two")
        (tmp_path / "pantry" / "app.py").write_text("two")
        await stage.fence()
    assert [change.service for change in stage.changes] == ["pantry"]


async def test_what_was_saved_while_the_project_changed_is_not_lost(tmp_path: Path) -> None:
    make(tmp_path, "orders/app.py")
    project = project_of(tmp_path, {"orders": tmp_path / "orders"})
    async with watching(project) as stage:
        for number in range(20):
            stage.watcher.follow(project)
            (tmp_path / "orders" / "app.py").write_text(f"{number}")
            await asyncio.sleep(random.random() / 100)
            (tmp_path / "orders" / f"new{number}.py").write_text(f"{number}")
            await stage.fence()
            paths = {path.name for change in stage.changes for path in change.paths}
            assert paths == {"app.py", f"new{number}.py"}
            stage.changes.clear()


async def test_a_service_that_leaves_while_its_save_is_looked_at_is_not_told_of(tmp_path: Path) -> None:
    make(tmp_path, "orders/app.py", "pantry/app.py")
    old = project_of(tmp_path, {"orders": tmp_path / "orders", "pantry": tmp_path / "pantry"})
    async with watching(old) as stage:
        watcher, look = stage.watcher, stage.watcher._look_closer
        loop, followed = asyncio.get_running_loop(), threading.Event()

        def follow() -> None:
            watcher.follow(project_of(tmp_path, {"pantry": tmp_path / "pantry"}))
            followed.set()

        def look_and_follow(paths: Iterable[str]) -> Any:
            if not followed.is_set():
                loop.call_soon_threadsafe(follow)
                assert followed.wait(LONG)
            return look(paths)

        watcher._look_closer = look_and_follow  # type: ignore[method-assign]
        (tmp_path / "orders" / "app.py").write_text("two")
        (tmp_path / "pantry" / "app.py").write_text("two")
        await stage.told()
        await stage.fence()
    assert [change.service for change in stage.changes] == ["pantry"]


async def test_saves_are_only_touched_where_commands_touch_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload by hand takes what waits, at any moment, in the event loop."""
    make(tmp_path, "orders/app.py")
    threads, writing = set[threading.Thread](), settle.Settle.writing

    def noted(self: settle.Settle, path: str, held: bool | None) -> None:
        threads.add(threading.current_thread())
        writing(self, path, held)

    monkeypatch.setattr(settle.Settle, "writing", noted)
    async with watching(project_of(tmp_path, {"orders": tmp_path / "orders"})) as stage:
        (tmp_path / "orders" / "app.py").write_text("two")
        await stage.told()
    assert threads == {threading.current_thread()}


async def test_paused_it_remembers(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", "app.py", "b.py")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        stage.watcher.pause()
        for name in ("app.py", "b.py", "app.py"):
            (folder / name).write_text(f"two {name}")
            await asyncio.sleep(0.05)
        assert stage.changes == []

        resumed = time.time()
        stage.watcher.resume()
        [change] = await stage.told()
        assert resumed <= change.saved <= change.decided
        assert set(change.paths) == {folder / "app.py", folder / "b.py"}


async def test_a_service_that_writes_its_own_folder_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", "app.py", "state.json")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        await starts_again_and_again(stage, folder / "state.json")
        (folder / "state.json").write_text("started once more")
        await stage.fence()
        assert len(stage.changes) == IN_A_ROW
        (folder / "app.py").write_text("two")
        assert (await stage.told(IN_A_ROW + 1))[-1].paths == (folder / "app.py",)
        assert stage.watcher.notices == stage.notices

    [notice] = stage.notices
    assert notice.service == "orders"
    assert notice.message == "orders changes state.json itself, and reloads because of it"
    assert 'add "state.json" to .gitignore' in notice.hint


async def starts_again_and_again(stage: Stage, *files: Path) -> None:
    """As a service does that writes when it starts: the next of the files at each start, until that is noticed."""
    rounds = 0
    while not stage.notices:
        files[rounds % len(files)].write_text(f"started {rounds}")
        rounds += 1
        await stage.told(rounds)
        await stage.fence()
    assert rounds == IN_A_ROW


async def test_what_was_held_is_told_when_it_has_been_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flaps, "HOLD", 0.3)
    folder = make(tmp_path / "orders", "app.py", "state.json")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        await starts_again_and_again(stage, folder / "state.json")
        (folder / "state.json").write_text("by hand")
        await stage.told(IN_A_ROW + 1)
        assert stage.changes[-1].paths == (folder / "state.json",)


async def test_it_is_said_once_and_until_the_file_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flaps, "HOLD", 0.1)
    folder = make(tmp_path / "orders", "app.py", "state.json")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        await starts_again_and_again(stage, folder / "state.json")
        for rounds in range(2):  # let go, it goes on
            (folder / "state.json").write_text(f"again {rounds}")
            await stage.told(IN_A_ROW + 1 + rounds)
        (folder / "state.json").write_text("and again")
        await stage.fence()
        assert len(stage.notices) == len(stage.watcher.notices) == 1
        (folder / ".gitignore").write_text("state.json\n")
        await stage.until_not(lambda: stage.watcher.notices)
        (folder / "state.json").write_text("and again and again")
        await stage.fence()
        assert len(stage.changes) == IN_A_ROW + 2


async def test_what_was_held_comes_in_with_a_reload_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flaps, "HOLD", 0.3)
    folder = make(tmp_path / "orders", "app.py", "state.json")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        await starts_again_and_again(stage, folder / "state.json")
        (folder / "state.json").write_text("by hand")
        while stage.watcher._lanes["orders"]._owed == {}:
            await asyncio.sleep(0.005)
        stage.watcher.reloads_by_hand("orders")
        await asyncio.sleep(0.5)
        await stage.fence()
        assert len(stage.changes) == IN_A_ROW


async def test_a_service_that_makes_a_new_file_at_each_start_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", "app.py", "run/0.json")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        await starts_again_and_again(stage, *(folder / "run" / f"{number}.json" for number in range(1, 9)))
        make(folder, "run/more.json")
        await stage.fence()
        assert len(stage.changes) == IN_A_ROW
    assert stage.notices[0].message == "orders makes new run/*.json itself, and reloads because of it"


async def test_a_path_that_is_not_there_is_named_until_it_is(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", "app.py")
    rule = WatchRule(path=tmp_path / "static", action="restart")
    async with watching(project_of(tmp_path, {"orders": version(folder, rule)})) as stage:
        [notice] = stage.watcher.notices
        assert str(tmp_path / "static") in notice.message
        make(tmp_path, "static/page.html")
        [change] = await stage.told()
        assert change.service == "orders"
        assert stage.watcher.notices == []


async def test_a_thousand_random_saves_miss_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every pause, the newest content of each saved file was told of after it was written."""
    monkeypatch.setattr(lane, "SHOWN", 1000)
    chance = random.Random(4)
    names = [f"{folder}/f{number}.py" for folder in ("orders", "orders/lib", "pantry") for number in range(20)]
    make(tmp_path, *names)
    project = project_of(tmp_path, {"orders": tmp_path / "orders", "pantry": tmp_path / "pantry"})
    async with watching(project) as stage:
        unseen: set[Path] = set()
        for number in range(1000):
            path = tmp_path / chance.choice(names)
            save(path, f"{number}", chance.choice(["write", "replace", "recreate"]))
            unseen.add(path)
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.012, 0.03]))
            if number % 50 == 49:
                await stage.fence()
                assert unseen == {path for change in stage.changes for path in change.paths if path.exists()}
                stage.changes.clear()
                unseen.clear()
    assert stage.notices == []


def save(path: Path, text: str, style: str) -> None:
    if style == "recreate":
        path.unlink()
    if style == "replace":
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)
    else:
        path.write_text(text)


async def test_a_flood_beyond_all_bounds_is_still_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "LIMIT", 500)
    folder = make(tmp_path / "orders", "app.py")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        await asyncio.to_thread(make, folder, *(f"d{number % 30}/f{number}.py" for number in range(2_000)))
        await stage.until(lambda: sum(change.count for change in stage.changes) >= 2_000)
        await stage.fence()
        (folder / "d7" / "f7.py").write_text("two")
        assert Action.REBUILD in {change.reactions["v1"].action for change in stage.changes}
        await stage.until(lambda: folder / "d7" / "f7.py" in stage.changes[-1].paths)
        assert stage.changes[-1].count == 1


async def test_too_many_folders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "FOLDERS", 5)
    folder = make(tmp_path / "orders", *(f"d{number}/a.py" for number in range(9)))
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        assert "too many folders" in stage.notices[0].message


# --- the system's limits ------------------------------------------------------------------------------------------


LIMITED = """
import asyncio, sys
from pathlib import Path
Path("/proc/sys/user", sys.argv[1]).write_text(sys.argv[2])
from tests.reload.stage import project_of, watching

async def main(root):
    async with watching(project_of(root, {"orders": root / "orders"})) as stage:
        assert stage.watcher.polling
        print(stage.notices[0].message, "|", stage.notices[0].hint)
        (root / "orders" / "lib" / "a.py").write_text("two")
        (root / "orders" / "new").mkdir()
        (root / "orders" / "new" / "b.py").write_text("two")
        await stage.until(lambda: sum(change.count for change in stage.changes) == 2)
        assert len(stage.notices) == 1

asyncio.run(main(Path(sys.argv[3])))
"""


@pytest.mark.parametrize(
    ("limit", "value", "name"),
    [
        ("max_inotify_watches", "2", "fs.inotify.max_user_watches"),
        ("max_inotify_instances", "0", "fs.inotify.max_user_instances"),
    ],
)
def test_used_up_watches_are_named_and_it_polls(tmp_path: Path, limit: str, value: str, name: str) -> None:
    """In a user namespace of its own, which has limits of its own."""
    make(tmp_path, "orders/app.py", "orders/lib/a.py")
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", LIMITED, limit, value, str(tmp_path)]
    if subprocess.run([*command[:3], "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")

    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, cwd=Path(__file__).parents[2])

    assert done.returncode == 0, done.stderr
    assert name in done.stdout
    assert f"sudo sysctl {name}=" in done.stdout


async def test_a_watch_that_ends_is_replaced_by_polling(tmp_path: Path) -> None:
    class Ending:
        def news(self) -> None:
            raise OSError("gone")

        def end(self) -> None: ...

        def close(self) -> None: ...

    folder = make(tmp_path / "orders", "app.py")
    async with watching(project_of(tmp_path, {"orders": folder}), open_source=lambda folders: Ending()) as stage:
        await stage.until(lambda: stage.watcher.polling)
        (folder / "app.py").write_text("two")
        await stage.told()
    assert "gone" in stage.notices[0].message


async def test_idle_it_costs_little(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", *(f"d{number}/a.py" for number in range(100)))
    async with watching(project_of(tmp_path, {"orders": folder})):
        before = time.process_time()
        await asyncio.sleep(1)
        assert time.process_time() - before < 0.03


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    folder = make(tmp_path / "orders", "app.py")
    before = open_files()
    for _ in range(5):
        async with watching(project_of(tmp_path, {"orders": folder})) as stage:
            await stage.fence()
    deadline = time.monotonic() + LONG
    while open_files() > before or any(thread.name == "sandbox watch" for thread in threading.enumerate()):
        assert time.monotonic() < deadline  # they are closed in a thread of their own
        await asyncio.sleep(0.01)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
