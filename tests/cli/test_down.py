"""How long `down` waits for services that take their time."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from sandbox.cli import down
from sandbox.cli.main import main
from sandbox.daemon.request import keep_good
from tests.cli.conftest import Place
from tests.supervisor.build import a_project, a_service


def test_a_service_that_was_given_longer_has_longer(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = place.started_once()
    service = a_service("db")
    (version,) = service.versions
    keep_good(paths, a_project(replace(service, versions=(replace(version, stop_grace_period=60.0),))))
    monkeypatch.setattr(down, "_PATIENCE", 0.1)
    paths.shim_socket.touch()
    ends = threading.Timer(0.5, paths.shim_socket.unlink)
    ends.start()

    down._wait_until_gone(paths)

    assert not paths.shim_socket.exists()
    ends.join()


def test_no_service_is_waited_for_for_ever(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = place.started_once()
    keep_good(paths, a_project(a_service("db")))
    monkeypatch.setattr(down, "_PATIENCE", 0.1)
    monkeypatch.setattr(down, "_AFTER_GRACE", -9.8)  # 0.2 s, with the usual 10 of a service
    paths.shim_socket.touch()
    began = time.monotonic()

    down._wait_until_gone(paths)

    assert 0.2 <= time.monotonic() - began < 5


def test_purge_without_one_that_runs_names_those_that_are_stopped(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = place.started_once("hello").id

    assert main(["down"]) == 3
    assert stopped not in capsys.readouterr().err
    assert main(["down", "--purge"]) == 3
    error, hint = capsys.readouterr().err.splitlines()
    assert error == "error: no project is running"
    assert hint == f"hint: stopped: {stopped}; forget one with: sandbox down --purge --project {stopped}"
