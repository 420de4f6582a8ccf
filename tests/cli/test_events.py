"""What happened, as lines."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import pytest

from sandbox.cli.events import as_text
from sandbox.cli.main import main
from sandbox.cli.style import Style, strip_colours
from sandbox.events import Event, Kind
from tests.cli.conftest import Command
from tests.fakes import data
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_one_line_each(bakery: FakeControl, capsys: Output) -> None:
    assert main(["events"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "00:00:00 bakery is starting",
        "00:00:01 orders-v1-1 is healthy after 0.8 s",
        "00:00:02 steamer-v2-1 exited with code 1",
    ]


def test_a_long_one_is_broken_at_words_under_its_own_beginning() -> None:
    event = Event(kind=Kind.NOTICE, message="a reload took " + "very " * 20 + "long", at=data.NOW)
    lines = as_text(event, Style(False), 80).splitlines()

    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
    assert (lines[0][:17], lines[1][:13]) == ("00:00:00 a reload", " " * 9 + "very")
    assert as_text(event, Style(False), 0) == f"00:00:00 {event.message}"
    assert strip_colours(as_text(event, Style(True), 80)).splitlines() == lines


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["-n", "1"], 1),
        (["-n", "0"], 0),
        (["orders"], 1),
        (["steamer"], 1),
        (["--kind", "instance"], 2),
        (["--kind", "project,instance_exited"], 2),
        (["--kind", "alert"], 0),
        (["--since", "2026-01-01T00:00:01Z"], 2),
        (["--since", "1m"], 0),
    ],
)
def test_some_of_them(bakery: FakeControl, capsys: Output, words: list[str], count: int) -> None:
    assert main(["events", *words]) == 0
    assert len(capsys.readouterr().out.splitlines()) == count


@pytest.mark.parametrize(("word", "hint"), [("instence", "did you mean instance?"), ("qqq", "there are alert, build")])
def test_of_a_kind_that_is_not_there(bakery: FakeControl, capsys: Output, word: str, hint: str) -> None:
    assert main(["events", "--kind", word]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: --kind {word}: no such kind of event")
    assert hint in told


def test_of_a_service_that_is_not_there(bakery: FakeControl, capsys: Output) -> None:
    assert main(["events", "oders"]) == 2
    assert capsys.readouterr().err.startswith("error: oders: no such service")


def test_for_scripts(bakery: FakeControl, capsys: Output) -> None:
    assert main(["events", "-n", "1", "-o", "json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert (event["kind"], event["severity"], event["at"]) == ("instance_exited", "error", "2026-01-01T00:00:02.000Z")
    assert event["detail"] == "RuntimeError: out of steam"


def test_following_prints_what_comes(bakery: FakeControl, sandbox: Command) -> None:
    following = sandbox("events", "-f", "-n", "0", TZ="UTC")
    deadline = time.monotonic() + 10
    while not bakery.following:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bakery.publish(Event(kind=Kind.NOTICE, message="something new", at=data.NOW))
    assert following.stdout is not None
    assert following.stdout.readline() == "00:00:00 something new\n"
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
