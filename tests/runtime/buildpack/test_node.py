"""Node packages with a real npm, from a folder beside, so that no network is needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.buildpack.folder import read_folder
from sandbox.runtime.buildpack.node import NodePackages

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    crumb, place = tmp_path / "crumb", tmp_path / "app"
    crumb.mkdir()
    place.mkdir()
    (crumb / "package.json").write_text(json.dumps({"name": "crumb", "version": "1.0.0", "main": "crumb.js"}))
    (crumb / "crumb.js").write_text("module.exports = 'a crumb'\n")
    (place / "package.json").write_text(json.dumps({"dependencies": {"crumb": "file:../crumb"}}))
    return place


@needs_npm
async def test_what_is_required_is_installed_once(paths: ProjectPaths, app: Path) -> None:
    said: list[str] = []
    await NodePackages(paths, os.environ).prepare("web", read_folder(app), said.append)
    assert str(app / "node_modules") in said[0]
    assert subprocess.check_output(["node", "-p", "require('crumb')"], cwd=app, text=True) == "a crumb\n"
    assert {path.name for path in app.iterdir()} == {"package.json", "node_modules"}

    said.clear()
    await NodePackages(paths, os.environ).prepare("web", read_folder(app), said.append)
    assert said == []


@needs_npm
async def test_it_is_installed_again_when_the_manifest_changed_or_the_packages_went(
    paths: ProjectPaths, app: Path
) -> None:
    packages = NodePackages(paths, os.environ)
    await packages.prepare("web", read_folder(app), print)
    for change in (
        lambda: (app / "package.json").write_text((app / "package.json").read_text() + "\n"),
        lambda: shutil.rmtree(app / "node_modules"),
    ):
        change()
        said: list[str] = []
        await packages.prepare("web", read_folder(app), said.append)
        assert said
        assert (app / "node_modules" / "crumb").exists()


async def test_what_the_user_installed_is_used(paths: ProjectPaths, app: Path) -> None:
    record = app / "node_modules" / ".package-lock.json"
    record.parent.mkdir()
    record.touch()
    await NodePackages(paths, {"PATH": "/nowhere"}).prepare("web", read_folder(app), print)


async def test_nothing_required_needs_no_npm(paths: ProjectPaths, app: Path) -> None:
    (app / "package.json").write_text("{}")
    await NodePackages(paths, {"PATH": "/nowhere"}).prepare("web", read_folder(app), print)


async def test_a_missing_npm_is_named(paths: ProjectPaths, app: Path) -> None:
    with pytest.raises(RuntimeFailure, match="needs npm, which is not installed") as failure:
        await NodePackages(paths, {"PATH": "/nowhere"}).prepare("web", read_folder(app), print)
    assert "nodejs.org" in failure.value.hint


@needs_npm
async def test_a_failure_shows_the_words_of_npm(paths: ProjectPaths, app: Path) -> None:
    (app / "package.json").write_text(json.dumps({"dependencies": {"crumb": "file:../gone"}}))
    (app / "package-lock.json").write_text("{}")
    with pytest.raises(RuntimeFailure, match="npm ci failed: ") as failure:
        await NodePackages(paths, os.environ).prepare("web", read_folder(app), print)
    assert failure.value.place == "web"
