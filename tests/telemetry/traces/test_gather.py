"""Spans by trace while they come in."""

from __future__ import annotations

import pytest

from sandbox.telemetry.traces import gather
from sandbox.telemetry.traces.gather import Gatherer
from sandbox.telemetry.traces.spans import StoredSpan
from tests.telemetry.traces.build import TRACE, hop, inside

OTHER = "f" * 32


def names(gatherer: Gatherer) -> dict[str, list[str]]:
    changed, _ = gatherer.changes()
    return {one.id: sorted(span.id for span in one.spans.values()) for one in changed}


def test_a_late_span_finds_the_rest_of_its_trace_where_it_is_kept() -> None:
    kept = {TRACE: [inside("a", "", "shop", 0, 1)]}
    gatherer = Gatherer(lambda _: kept)
    gatherer.take([(TRACE, inside("b", "a", "shop", 0, 1)), (TRACE, inside("a", "", "shop", 0, 1))], {}, 1.0)
    assert names(gatherer) == {TRACE: ["a", "b"]}
    assert gatherer.twice == 1
    assert names(gatherer) == {}


def test_a_trace_that_turns_out_to_be_part_of_another_moves_there() -> None:
    gatherer = Gatherer(lambda _: {})
    gatherer.take([(TRACE, hop("hop", "", "gateway", "shop", 0, 1)), (TRACE, inside("in", "hop", "shop", 0, 1))], {}, 1)
    gatherer.take([(OTHER, inside("up", "", "client", 0, 2))], {TRACE: (OTHER, "up")}, 2)
    changed, gone = gatherer.changes()
    assert gone == {TRACE}
    assert {span.id: span.parent for one in changed for span in one.spans.values()} == {
        "up": "",
        "hop": "up",
        "in": "hop",
    }
    gatherer.take([(TRACE, inside("late", "in", "shop", 0, 1))], {}, 3)
    assert names(gatherer) == {OTHER: ["hop", "in", "late", "up"]}


def test_a_trace_of_any_length_takes_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MOST_SPANS", 10)
    gatherer = Gatherer(lambda _: {})
    gatherer.take([(TRACE, inside(str(number), "", "shop", 0, 1)) for number in range(25)], {}, 1.0)
    assert len(names(gatherer)[TRACE]) == 10
    assert gatherer.too_many == 15


def test_what_is_held_is_bounded_and_only_what_is_kept_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "_MOST_TRACES", 5)
    disk: dict[str, list[StoredSpan]] = {}
    gatherer = Gatherer(lambda traces: {trace: disk[trace] for trace in traces if trace in disk})
    ids = [f"{number:032x}" for number in range(1, 9)]
    gatherer.take([(id, inside("a", "", "shop", 0, 1)) for id in ids], {}, 1.0)
    assert all(gatherer.held(id) for id in ids)  # nothing is on disk yet
    disk = {one.id: list(one.spans.values()) for one in gatherer.changes()[0]}
    gatherer.take([(ids[0], inside("b", "", "shop", 0, 1))], {}, 2.0)
    assert [bool(gatherer.held(id)) for id in ids] == [True, False, False, False, True, True, True, True]
    gatherer.take([(ids[1], inside("b", "", "shop", 0, 1))], {}, 3.0)
    assert names(gatherer)[ids[1]] == ["a", "b"]
