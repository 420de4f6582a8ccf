"""What happened, kept for the next supervisor."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sandbox.events import Bus, Event, Kind, ReloadReport
from sandbox.supervisor import timeline
from sandbox.supervisor.timeline import Timeline


def event(message: str, detail: str = "") -> Event:
    return Event(kind=Kind.NOTICE, message=message, detail=detail)


def lived(path: Path, *messages: str) -> Timeline:
    """A supervisor's life."""
    kept = Timeline(path)
    bus = Bus(past=kept.load(), keep=kept.keep)
    for message in messages:
        bus.publish(event(message))
    return kept


def told(path: Path) -> list[tuple[int, str]]:
    return [(one.sequence, one.message) for one in Timeline(path).load()]


def test_the_next_supervisor_knows_all_and_goes_on_counting(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lived(path, "a", "b")
    lived(path, "c")

    assert told(path) == [(1, "a"), (2, "b"), (3, "c")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_event_comes_back_as_it_was(tmp_path: Path) -> None:
    report = ReloadReport(version="v1", generation=2, files=("a.py",), count=1, seconds={"seen": 0.1})
    whole = Event(
        kind=Kind.SERVICE_RELOADED, message="m", service="s", instance="s-v1-1", detail="d", sequence=1, reload=report
    )
    Timeline(tmp_path / "e").keep(whole)

    assert Timeline(tmp_path / "e").load() == [whole]


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "HALF", 2000)
    monkeypatch.setattr(timeline, "NEWEST", 12)
    path = tmp_path / "events.jsonl"
    lived(path, *(f"event {number}" for number in range(100)))

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 4000
    found = told(path)
    assert found[-1] == (100, "event 99")
    assert 0 < len(found) <= 12


def test_a_long_detail_keeps_its_end(tmp_path: Path) -> None:
    kept = Timeline(tmp_path / "e")
    kept.keep(event("a", detail="x" * 10_000 + "the end"))

    [found] = Timeline(tmp_path / "e").load()
    assert len(found.detail) == timeline.LONGEST_DETAIL
    assert found.detail.endswith("the end")


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lived(path, "a", "b")
    path.write_bytes(path.read_bytes()[:-20])
    said: list[str] = []
    second = lived(path, "c")
    second.tell_of_trouble(said.append)

    assert told(path) == [(1, "a"), (2, "c")]


def test_what_was_damaged_is_said(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lived(path, "a")
    with path.open("ab") as file:
        file.write(b"\xff\xfe nonsense\n{}\n")
    kept, said = Timeline(path), list[str]()

    assert [one.message for one in kept.load()] == ["a"]
    kept.tell_of_trouble(said.append)
    assert said == ["2 lines of events.jsonl were damaged; what they told of the past is gone"]


def test_a_disk_that_refuses_is_said_once_and_counted(tmp_path: Path) -> None:
    kept, said = Timeline(tmp_path / "nowhere" / "events.jsonl"), list[str]()
    kept.tell_of_trouble(said.append)
    bus = Bus(keep=kept.keep)
    for message in "abc":
        bus.publish(event(message))

    assert said == ["what happens is not kept on disk: No such file or directory; free some disk space"]
    assert kept.lost == 3
    assert [one.message for one in bus.history()] == ["a", "b", "c"]


def test_trouble_that_is_itself_an_event_does_not_go_in_circles(tmp_path: Path) -> None:
    kept = Timeline(tmp_path / "nowhere" / "events.jsonl")
    bus = Bus(keep=kept.keep)

    def publish(trouble: str) -> None:
        bus.publish(event(trouble))

    kept.tell_of_trouble(publish)
    bus.publish(event("a"))

    assert len(bus.history()) == 2


def test_a_project_that_ended_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    kept = lived(path, "a")
    kept.forget()
    kept.keep(event("the very end"))

    assert list(tmp_path.iterdir()) == []
