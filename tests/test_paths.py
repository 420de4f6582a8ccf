"""Where things are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.paths import ProjectPaths, make_private, project_id, sandbox_home


def test_two_copies_of_a_project_have_different_folders(tmp_path: Path) -> None:
    assert project_id("bakery", tmp_path / "a") != project_id("bakery", tmp_path / "b")
    assert project_id("bakery", tmp_path / "a") == project_id("bakery", tmp_path / "a")


def test_an_installed_sample_app_keeps_its_id_when_an_upgrade_moves_it(tmp_path: Path) -> None:
    def installed(version: str, app: str = "hello") -> Path:
        return tmp_path / version / "lib" / "site-packages" / "sandbox" / "_shipped" / "sample-apps" / app

    assert project_id("hello", installed("1")) == project_id("hello", installed("2"))
    assert project_id("hello", installed("1")) != project_id("hello", installed("1", "bakery"))
    assert project_id("hello", installed("1")) != project_id("hello", tmp_path / "sample-apps" / "hello")
    assert project_id("hello", Path("/")) != project_id("hello", installed("1"))


@pytest.mark.parametrize("name", ["Bäckerei & Söhne", "../../etc", "x" * 200, "a b"])
def test_an_odd_name_makes_a_tame_folder(name: str, tmp_path: Path) -> None:
    folder = project_id(name, tmp_path)
    assert Path(folder).name == folder
    assert len(folder) <= 50


def test_the_home_is_where_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert sandbox_home() == Path("/var/state/sandbox")
    monkeypatch.setenv("SANDBOX_HOME", "/elsewhere")
    assert sandbox_home() == Path("/elsewhere")


def test_everything_is_private(tmp_path: Path) -> None:
    paths = ProjectPaths(tmp_path / "home", "shop-123456")
    paths.create()
    modes = {folder.stat().st_mode & 0o777 for folder in (paths.home, paths.state, paths.logs, paths.run)}
    paths.run.rmdir()  # it may be in /tmp
    assert modes == {0o700}


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_something_else_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxError):
        make_private(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SandboxError):
        make_private(tmp_path / "link")


def test_sockets_have_a_short_path_however_long_the_home_is(tmp_path: Path) -> None:
    paths = ProjectPaths(tmp_path / ("long" * 40), "shop-123456")
    assert len(os.fsencode(paths.outbound_socket)) <= 103
    assert str(os.getuid()) in paths.run.name
    near = ProjectPaths(Path("/tmp/s"), "shop-123456")
    assert near.run.parent == near.state
