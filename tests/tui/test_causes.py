"""What the screens say of causes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.control import Cause, Confidence, Diagnosis, Edge, Origin, Revision, TelemetrySnapshot
from sandbox.tui.causes import diagnosis_lines, undone_by, why_lines
from tests.fakes import data, scene

NEWEST = Revision(number=3, at=100.0, origin=Origin.CLI, why="", summary="pantry: changed", services=("pantry",))


def a_diagnosis(kind: str, service: str = "pantry", at: float | None = None) -> Diagnosis:
    cause = Cause(
        kind=kind, service=service, message="it is so", facts=(), command=None, confidence=Confidence.CERTAIN, at=at
    )
    return Diagnosis(target=service, healthy=False, summary="it is so", path=("mill", service), causes=(cause,))


def split(**failed: float) -> TelemetrySnapshot:
    """Ten requests a second to each version of pantry, so many of which fail."""
    edges = [
        Edge(caller="mill", callee="pantry", version=name, signals=data.signals(10, x)) for name, x in failed.items()
    ]
    return TelemetrySnapshot(at=data.NOW, services={}, edges=tuple(edges))


@pytest.mark.parametrize(
    ("kind", "service", "offered"),
    [
        ("fault_injected", "pantry", True),
        ("timeout_short", "pantry", True),
        ("own_errors", "pantry", False),
        ("no_answer", "pantry", False),
        ("fault_injected", "mill", False),
        ("upstream_down", "pantry", False),
        ("fault_over", "pantry", False),  # it would be there again
    ],
)
def test_undo_is_offered_for_what_the_newest_change_can_have_brought_about(
    kind: str, service: str, offered: bool
) -> None:
    assert (undone_by(NEWEST, a_diagnosis(kind, service)) is NEWEST) is offered


def test_a_change_that_came_after_what_is_wrong_is_not_its_cause() -> None:
    assert undone_by(NEWEST, a_diagnosis("fault_injected", at=99.5)) is NEWEST
    assert undone_by(NEWEST, a_diagnosis("fault_injected", at=40.0)) is None


def test_a_service_that_fails_by_itself_is_helped_by_weights_where_another_version_does_better() -> None:
    assert undone_by(NEWEST, a_diagnosis("own_errors"), split(v1=0.0, v2=9.0)) is NEWEST
    assert undone_by(NEWEST, a_diagnosis("own_errors"), split(v1=9.0, v2=9.0)) is None
    assert undone_by(NEWEST, a_diagnosis("own_errors"), split(v1=9.0)) is None


def test_a_fault_is_undone_also_where_another_cause_is_told_first() -> None:
    slow, fault = a_diagnosis("timeout_short", "mill"), a_diagnosis("fault_injected")
    both = replace(slow, causes=(*slow.causes, *fault.causes))
    likely = replace(fault.causes[0], confidence=Confidence.LIKELY)

    assert undone_by(NEWEST, both) is NEWEST
    assert undone_by(NEWEST, replace(slow, causes=(*slow.causes, likely))) is None


def test_without_a_change_or_a_cause_there_is_nothing_to_undo() -> None:
    assert undone_by(None, a_diagnosis("fault_injected")) is None
    assert undone_by(NEWEST, None) is None


def test_the_key_that_undoes_is_named_with_what_it_undoes() -> None:
    said = [text for text, _ in diagnosis_lines(a_diagnosis("fault_injected"), NEWEST)]

    assert any(text.startswith("u undoes revision 3, of ") and text.endswith("pantry: changed") for text in said)
    assert not any("undoes" in text for text, _ in diagnosis_lines(a_diagnosis("fault_injected")))


def test_the_way_to_the_cause_is_told_once() -> None:
    found = a_diagnosis("fault_injected")

    assert "mill → pantry" in [text for text, _ in diagnosis_lines(found)]
    told = replace(found, summary="it is so (mill → pantry)")
    assert sum("mill → pantry" in text for text, _ in diagnosis_lines(told)) == 1


def test_an_alert_that_still_stands_is_not_contradicted_where_nothing_is_to_be_seen_any_more() -> None:
    alert = replace(
        scene.alerts()[0],
        message="20 % of requests fail; nothing since",
        evidence=("nothing to measure for 42 s",),
    )
    well = Diagnosis(target="pantry", healthy=True, summary="nothing is wrong that could be seen", causes=())
    said = [text for text, _ in why_lines(well, [alert], "pantry")]

    assert said[:2] == ["✗ pantry: 20 % of requests fail; nothing since", "· nothing to measure for 42 s"]
    assert said[-1] == "now: nothing is wrong that could be seen"
    assert why_lines(well, [alert])[0] == why_lines(well, [alert], "pantry")[0]
    assert why_lines(well, [alert], "mill") == why_lines(well, []) == diagnosis_lines(well)
