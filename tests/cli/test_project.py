"""Which project a command is about."""

from __future__ import annotations

import pytest

from sandbox.cli.main import main
from tests.cli.conftest import Place
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


def restarted(*controls: FakeControl) -> list[bool]:
    return [bool(control.calls) for control in controls]


def test_the_nearest_file_upwards(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    bakery, hello = place.running("bakery"), place.running("hello")
    below = place.apps / "bakery" / "steamer" / "src"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    assert main(["restart"]) == 0
    assert restarted(bakery, hello) == [True, False]


def test_a_file_by_name(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    bakery, hello = place.running("bakery"), place.running("hello")
    monkeypatch.chdir(place.apps / "bakery")

    assert main(["restart", "-f", "../hello/sandbox.yaml"]) == 0
    assert restarted(bakery, hello) == [False, True]


@pytest.mark.parametrize("whole_id", [False, True])
def test_a_project_by_name(place: Place, monkeypatch: pytest.MonkeyPatch, whole_id: bool) -> None:
    bakery, hello = place.running("bakery"), place.running("hello")
    monkeypatch.chdir(place.apps / "bakery")
    name = place.started_once("hello").id if whole_id else "hello"

    assert main(["restart", "--project", name]) == 0
    assert restarted(bakery, hello) == [False, True]


def test_the_only_one_that_runs(place: Place) -> None:
    place.started_once("bakery")
    hello = place.running("hello")

    assert main(["restart"]) == 0
    assert restarted(hello) == [True]


def test_two_run_and_none_is_named(place: Place, capsys: Output) -> None:
    place.running("bakery")
    place.running("hello")

    assert main(["restart"]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: several projects fit: bakery-")
    assert ", hello-" in error
    assert hint == "hint: choose one with --project"


def test_two_copies_of_one_project(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    one, two = place.running("bakery", "one"), place.running("bakery", "two")

    assert main(["restart", "--project", "bakery"]) == 2
    assert "several projects fit: bakery-" in capsys.readouterr().err
    monkeypatch.chdir(place.apps / "two")
    assert main(["restart"]) == 0
    assert restarted(one, two) == [False, True]


def test_of_two_copies_only_the_running_one_is_meant(place: Place) -> None:
    place.started_once("bakery", "one")
    two = place.running("bakery", "two")

    assert main(["restart", "--project", "bakery"]) == 0
    assert restarted(two) == [True]


def test_a_folder_that_was_never_started(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    place.running("hello")
    monkeypatch.chdir(place.app("bakery"))

    assert main(["restart"]) == 3
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: {place.apps}/bakery/sandbox.yaml: is not running"
    assert hint.startswith("hint: start it with `sandbox up`; running elsewhere (--project): hello-")


def test_a_project_that_ended(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    paths = place.started_once("bakery")
    monkeypatch.chdir(place.apps / "bakery")

    assert main(["restart"]) == 3
    assert capsys.readouterr().err == f"error: {paths.id}: is not running\nhint: start it with `sandbox up`\n"


def test_an_unknown_project(place: Place, capsys: Output) -> None:
    paths = place.started_once("hello")
    place.running("hello")

    assert main(["restart", "--project", "bakery"]) == 2
    assert capsys.readouterr().err == f"error: there is no project 'bakery'\nhint: running: {paths.id}\n"


def test_a_file_that_is_not_there(place: Place, capsys: Output) -> None:
    assert main(["restart", "-f", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == (
        "error: nowhere.yaml: there is no such file\nhint: check the path; `sandbox init` writes a sandbox.yaml\n"
    )


def test_a_file_that_is_not_there_beside_one_that_is(place: Place, capsys: Output) -> None:
    folder = place.app("hello")

    assert main(["restart", "-f", str(folder / "nope.yaml")]) == 2
    assert capsys.readouterr().err.splitlines()[1] == f"hint: did you mean {folder / 'sandbox.yaml'}?"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": 3}', '{"files": [3]}'])
def test_a_damaged_memory_does_not_hide_other_projects(place: Place, damage: str) -> None:
    place.started_once("bakery").request.write_text(damage)
    hello = place.running("hello")

    assert main(["restart"]) == 0
    assert restarted(hello) == [True]
