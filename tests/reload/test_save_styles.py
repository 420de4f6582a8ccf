"""However a file is saved, it is one change."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.reload.change import Action
from tests.reload.stage import Stage, project_of, watching
from tests.reload.styles import STYLES, Save


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "orders"
    (folder / "lib").mkdir(parents=True)
    (folder / "app.py").write_text("print('one')\n")
    (folder / "lib" / "money.py").write_text("EUR = 1\n")
    return folder


@pytest.fixture
async def stage(folder: Path) -> AsyncIterator[Stage]:
    async with watching(project_of(folder.parent, {"orders": folder})) as stage:
        yield stage


async def link_swap(file: Path, text: str) -> None:
    fresh = file.with_name("fresh")
    fresh.symlink_to(file.parent / "lib" / "money.py")
    fresh.replace(file)


async def sed(file: Path, text: str) -> None:
    subprocess.run(["sed", "-i", "s/one/two/", str(file)], check=True)


async def vim(file: Path, text: str) -> None:
    if shutil.which("vim") is None:
        pytest.skip("no vim here")
    command = ["vim", "-u", "NONE", "-es", "-c", "%s/one/two/", "-c", "wq", str(file)]
    (await (await asyncio.create_subprocess_exec(*command)).wait())


@pytest.mark.parametrize("save", [*STYLES, link_swap, sed, vim], ids=lambda save: save.__name__)
async def test_one_save_is_one_change(stage: Stage, folder: Path, save: Save) -> None:
    await save(folder / "app.py", "print('two')\n")

    await stage.told()
    await stage.fence()
    [change] = stage.changes
    assert change.service == "orders"
    assert change.paths == (folder / "app.py",)
    assert change.reactions["v1"].action is Action.RESTART


async def test_a_changed_mode_alone_is_no_change(stage: Stage, folder: Path) -> None:
    (folder / "app.py").chmod(0o755)

    await stage.fence()
    assert stage.changes == []


async def test_a_linked_folder_is_swapped(tmp_path: Path) -> None:
    for release in ("1", "2"):
        (tmp_path / "releases" / release).mkdir(parents=True)
        (tmp_path / "releases" / release / "app.py").write_text(release)
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "current").symlink_to(tmp_path / "releases" / "1")
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        (folder / "fresh").symlink_to(tmp_path / "releases" / "2")
        (folder / "fresh").replace(folder / "current")
        await stage.told()
        await stage.fence()
        assert [change.paths for change in stage.changes] == [(folder / "current" / "app.py",)]

        (tmp_path / "releases" / "2" / "app.py").write_text("in the new folder")
        await stage.told(2)


async def test_a_linked_file_is_written_where_it_lies(tmp_path: Path) -> None:
    folder, shared = tmp_path / "orders", tmp_path / "shared.py"
    folder.mkdir()
    shared.write_text("one")
    (folder / "shared.py").symlink_to(shared)
    async with watching(project_of(tmp_path, {"orders": folder})) as stage:
        shared.write_text("two")
        [change] = await stage.told()
    assert change.paths == (folder / "shared.py",)


async def test_a_formatter_that_saves_again_is_waited_for_once_it_is_known(stage: Stage, folder: Path) -> None:
    async def save_and_format(text: str) -> None:
        (folder / "app.py").write_text(f"print( {text} )\n")
        await asyncio.sleep(0.15)
        (folder / "app.py").write_text(f"print({text})\n")

    await save_and_format("1")
    await stage.fence()
    assert len(stage.changes) == 2  # nothing tells the first time that it will come

    await asyncio.sleep(1)
    await save_and_format("2")
    await stage.fence()
    assert len(stage.changes) == 3


async def test_a_folder_moves(stage: Stage, folder: Path) -> None:
    (folder / "lib").rename(folder / "library")

    await stage.told()
    await stage.fence()
    [change] = stage.changes
    assert set(change.paths) == {folder / "lib" / "money.py", folder / "library" / "money.py"}
    (folder / "library" / "money.py").write_text("EUR = 2\n")
    assert (await stage.told(2))[1].paths == (folder / "library" / "money.py",)


async def test_a_folder_comes_with_files_in_it(stage: Stage, folder: Path) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "new.py").write_text("NEW = 1\n")

    [change] = await stage.told()
    assert change.paths == (folder / "deep" / "er" / "new.py",)


async def test_the_folder_itself_goes_and_comes_back(stage: Stage, folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    await asyncio.sleep(0.05)
    folder.with_name("away").rename(folder)
    await stage.fence()
    stage.changes.clear()

    (folder / "app.py").write_text("print('two')\n")
    await stage.told()


async def test_a_checkout_is_one_change_for_each_service_it_touches(tmp_path: Path) -> None:
    for name in ("orders", "pantry", "mill"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text("one")
    for number in range(1000):
        (tmp_path / ("orders", "pantry")[number % 2] / f"m{number}.py").write_text("one")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "checkout", "-qb", "other")
    for number in range(1000):
        (tmp_path / ("orders", "pantry")[number % 2] / f"m{number}.py").write_text("another")
    git(tmp_path, "commit", "-qam", "two")
    services = {name: tmp_path / name for name in ("orders", "pantry", "mill")}
    async with watching(project_of(tmp_path, services)) as stage:
        await asyncio.to_thread(git, tmp_path, "checkout", "-q", "-")

        await stage.told(2)
        await stage.fence()
    assert sorted((change.service, change.count) for change in stage.changes) == [("orders", 500), ("pantry", 500)]
    assert all(len(change.paths) == 20 for change in stage.changes)


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": ""}
    )
