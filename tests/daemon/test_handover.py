"""A supervisor takes the project over from the command that read it, once, and only while nothing has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.config import stamps
from sandbox.config.recall import Read, recall_or_load
from sandbox.control import UpRequest
from sandbox.daemon.handover import hand_over, handed_over
from sandbox.daemon.request import save_request
from sandbox.model import Project
from sandbox.paths import ProjectPaths
from tests.runtime.home import project_paths


@pytest.fixture
def paths() -> Iterator[ProjectPaths]:
    with project_paths() as paths:
        save_request(paths, UpRequest(files=("sandbox.yaml",)))
        yield paths


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Of files that were saved long ago."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "app.env").write_text("COLOUR=red\n")
    file = tmp_path / "sandbox.yaml"
    file.write_text("name: shop\nservices:\n  web: {build: ./web, ports: ['8000'], env_file: web/app.env}\n")
    monkeypatch.setattr(stamps, "_COARSEST_CLOCK", -3600.0)
    return recall_or_load(tmp_path / "cache", [file], environment={})


def test_it_is_the_project_that_was_read(paths: ProjectPaths, read: Read) -> None:
    hand_over(paths, read)

    assert handed_over(paths) == read.project


def test_only_the_first_supervisor_has_it(paths: ProjectPaths, read: Read) -> None:
    hand_over(paths, read)
    handed_over(paths)

    assert handed_over(paths) is None


def test_there_may_be_none(paths: ProjectPaths) -> None:
    assert handed_over(paths) is None


def saved_in_place(project: Project) -> None:
    (project.root / "sandbox.yaml").write_text("name: shop\n")


def replaced_by_one_as_old(project: Project) -> None:
    file, new = project.root / "sandbox.yaml", project.root / "new.yaml"
    new.write_text(file.read_text().replace("8000", "9000"))
    os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    new.replace(file)


def variables_saved(project: Project) -> None:
    (project.root / "web" / "app.env").write_text("COLOUR=blue\n")


def variables_that_were_not_there(project: Project) -> None:
    (project.root / ".env").write_text("COLOUR=blue\n")


def a_file_removed(project: Project) -> None:
    (project.root / "sandbox.yaml").unlink()


@pytest.mark.parametrize(
    "change",
    [saved_in_place, replaced_by_one_as_old, variables_saved, variables_that_were_not_there, a_file_removed],
)
def test_what_changed_since_is_read_again(paths: ProjectPaths, read: Read, change: Callable[[Project], None]) -> None:
    hand_over(paths, read)
    change(read.project)

    assert handed_over(paths) is None


def test_what_was_saved_a_moment_ago_is_read_again(
    paths: ProjectPaths, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "_COARSEST_CLOCK", 3600.0)
    hand_over(paths, read)

    assert handed_over(paths) is None


def test_it_is_for_the_request_it_was_read_for(paths: ProjectPaths, read: Read) -> None:
    hand_over(paths, read)
    save_request(paths, UpRequest(files=("sandbox.yaml",), profiles=("lite",)))

    assert handed_over(paths) is None


def test_what_is_damaged_is_nothing(paths: ProjectPaths, read: Read) -> None:
    hand_over(paths, read)
    (handed,) = paths.state.glob("handover*")
    handed.write_bytes(handed.read_bytes()[:-20])

    assert handed_over(paths) is None


def test_nobody_else_can_read_it(paths: ProjectPaths, read: Read) -> None:
    hand_over(paths, read)
    (handed,) = paths.state.glob("handover*")

    assert handed.stat().st_mode & 0o077 == 0
