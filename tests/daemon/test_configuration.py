"""A supervisor that begins, or reads its files again, with files that are good, broken, and mended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.control import UpRequest
from sandbox.daemon.configuration import Configuration
from sandbox.daemon.notices import Notices
from sandbox.daemon.request import read_request, save_request
from sandbox.errors import ConfigError, SandboxError
from sandbox.events import Bus, Kind
from sandbox.paths import ProjectPaths
from tests.runtime.home import project_paths

GOOD = "name: shop\nservices: {web: {image: web, ports: ['8000']}}\n"
BROKEN = "name: shop\nservices: {web: {ports: [many]}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sandbox.yaml").write_text(GOOD)
    return tmp_path / "sandbox.yaml"


@pytest.fixture
def paths(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProjectPaths]:
    monkeypatch.setattr(os, "environ", dict(os.environ))  # of this process, which is made that of who asked
    with project_paths() as paths:
        save_request(paths, UpRequest(files=(str(file),)))
        yield paths


def configuration(paths: ProjectPaths) -> Configuration:
    bus = Bus()
    return Configuration(paths, bus, Notices(bus))


def test_broken_files_leave_what_was_in_force_and_are_complained_of(paths: ProjectPaths, file: Path) -> None:
    before = configuration(paths).open()
    file.write_text(BROKEN)

    later = configuration(paths)

    assert later.open() == before
    assert later.complaint.startswith("sandbox.yaml:2:")
    assert later.complaint.endswith("; what was in force before goes on until it is mended")
    (event,) = later._bus.history()
    assert (event.kind, event.message) == (Kind.RELOAD_FAILED, later.complaint)


def test_broken_files_with_nothing_before_are_refused(paths: ProjectPaths, file: Path) -> None:
    file.write_text(BROKEN)
    with pytest.raises(ConfigError):
        configuration(paths).open()


def test_a_project_that_was_stopped_leaves_nothing_to_go_on_with(paths: ProjectPaths, file: Path) -> None:
    ended = configuration(paths)
    ended.open()
    ended.forget()
    file.write_text(BROKEN)
    with pytest.raises(ConfigError):
        configuration(paths).open()


def test_a_complaint_stands_until_files_are_taken(paths: ProjectPaths) -> None:
    found = configuration(paths)
    project = found.open()
    error = SandboxError("is wrong", place=f"{project.root}/sandbox.yaml:3:1", hint="mend it")
    found.complain(error, project, "nothing changes")
    assert found.complaint == "sandbox.yaml:3:1: is wrong; mend it; nothing changes"

    found.taken(found.request, project, 0.0)

    assert found.complaint == ""


def test_whether_saves_are_watched_is_known_to_the_next_supervisor(paths: ProjectPaths) -> None:
    found = configuration(paths)
    found.open()
    found.watch(False)
    assert not read_request(paths).watch
