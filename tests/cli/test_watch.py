"""Whether saves reload, and holding them back."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from sandbox.cli.main import main
from sandbox.control import WatchState, WatchStatus
from tests.fakes import data
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


def paused(waiting: Mapping[str, int] | None = None) -> WatchStatus:
    return WatchStatus(state=WatchState.PAUSED, folders=3, waiting=waiting or {})


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        (WatchStatus(folders=3), "watching 3 folders; a save reloads the services it belongs to"),
        (WatchStatus(folders=1, polling=True), "looking again and again at 1 folder; a save reloads the services it"),
        (paused(), "paused: saves wait until: sandbox watch --resume"),
        (paused({"orders": 1}), "paused: 1 saved file waits (orders) until: sandbox watch --resume"),
        (paused({"orders": 2, "": 1}), "paused: 3 saved files wait (orders, the configuration) until: sandbox watch"),
        (WatchStatus(state=WatchState.OFF), "off: saves reload nothing; begin with: sandbox watch --resume"),
    ],
)
def test_it_tells(bakery: FakeControl, capsys: Output, watch: WatchStatus, said: str) -> None:
    bakery.statuses[0] = data.project(watch=watch)
    assert main(["watch"]) == 0
    assert capsys.readouterr().out.startswith(said)
    assert bakery.calls == []


@pytest.mark.parametrize(("option", "on"), [("--pause", False), ("--resume", True)])
def test_it_changes(bakery: FakeControl, option: str, on: bool) -> None:
    assert main(["watch", option]) == 0
    assert bakery.calls == [("watch", on)]


def test_one_of_the_two(bakery: FakeControl) -> None:
    assert main(["watch", "--pause", "--resume"]) == 2
    assert bakery.calls == []


def test_for_scripts(bakery: FakeControl, capsys: Output) -> None:
    assert main(["watch", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"state": "on", "folders": 3, "polling": False, "waiting": {}}


def test_ps_shows_that_it_is_paused_and_what_is_wrong(bakery: FakeControl, capsys: Output) -> None:
    bakery.statuses[0] = data.project(watch=paused({"orders": 2}), warnings=("sandbox.yaml:3:1: is broken",))
    assert main(["ps"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "warning: sandbox.yaml:3:1: is broken",
        "watching is paused: 2 saved files wait (orders) until: sandbox watch --resume",
    ]
