from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.control import GraphEdge
from sandbox.tui.mapmodel import Focus, Kind, declared, edge_line, kind, labels, model, node_lines, step, worst
from sandbox.tui.words import Tone
from tests.fakes import data, scene

SHOWN = model(scene.graph(), data.project(*scene.services()))


def an_edge(**more: object) -> GraphEdge:
    given: dict[str, object] = {"requests_per_second": 12.0, "p50": 3.0, "p99": 18.0} | more
    return GraphEdge(caller="orders", callee="steamer", declared=True, **given)  # type: ignore[arg-type]


def test_how_an_edge_is_can_be_read_without_colours() -> None:
    assert labels(an_edge())[0] == "12/s 18ms"
    assert labels(an_edge(error_ratio=0.2))[0] == "12/s ✗20% 18ms"
    assert labels(replace(an_edge(), declared=False))[0] == "undeclared 12/s 18ms"
    assert labels(an_edge(requests_per_second=0.0))[0] == "–"


def test_kinds_of_edges() -> None:
    assert kind(an_edge()) is Kind.USED
    assert kind(an_edge(requests_per_second=0.0)) is Kind.UNUSED
    assert kind(an_edge(error_ratio=0.02)) is Kind.FAILING
    assert kind(replace(an_edge(), declared=False)) is Kind.UNDECLARED


def test_an_edge_in_full() -> None:
    text, tone = edge_line(an_edge(error_ratio=0.2, versions={"v1": 9.0, "v2": 3.0}))

    assert text == "orders → steamer · 12/s · ✗ errors 20% · p50 3ms · p99 18ms · v1 75%, v2 25%"
    assert tone is Tone.BAD


def test_a_node_tells_its_callers_and_callees() -> None:
    head, *edges = [text for text, _ in node_lines(SHOWN, "orders")]

    assert head == "● orders · 1 caller · calls 2"
    assert [text.split(" · ")[0] for text in edges] == ["storefront → orders", "orders → steamer", "orders → pantry"]


@pytest.mark.parametrize(
    ("focus", "direction", "reached"),
    [
        ("gateway", "down", ("gateway", "storefront")),
        (("gateway", "storefront"), "down", "storefront"),
        (("gateway", "storefront"), "up", "gateway"),
        ("orders", "up", ("storefront", "orders")),
        ("pantry", "down", "pantry"),
        ("gateway", "up", "gateway"),
        (("orders", "steamer"), "right", ("orders", "pantry")),
        (("orders", "pantry"), "left", ("orders", "steamer")),
        (("orders", "pantry"), "right", ("orders", "pantry")),
    ],
)
def test_walking(focus: Focus, direction: str, reached: Focus) -> None:
    assert step(SHOWN, focus, direction) == reached


def test_every_node_can_be_walked_to() -> None:
    seen: set[Focus] = {"gateway"}
    todo: list[Focus] = ["gateway"]
    for focus in todo:
        for direction in ("up", "down", "left", "right"):
            if (there := step(SHOWN, focus, direction)) not in seen:
                seen.add(there)
                todo.append(there)

    assert seen == {*SHOWN.nodes, *SHOWN.edges}


def test_the_worst_is_what_does_not_run_then_what_fails_most() -> None:
    assert worst(SHOWN, data.project(*scene.broken())) == "mill"
    assert worst(SHOWN, data.project(*scene.services())) == ("mill", "pantry")


def test_a_neighbourhood_is_what_is_one_call_away() -> None:
    near = model(scene.graph(), None, around="steamer")

    assert set(near.nodes) == {"orders", "steamer", "kneader"}


def test_without_numbers_what_is_declared_is_shown() -> None:
    found = declared(data.project(*scene.services()), None)
    pairs = {(edge.caller, edge.callee) for edge in found.edges}

    assert ("gateway", "storefront") in pairs
    assert ("mill", "pantry") in pairs
    assert all(edge.requests_per_second == 0 for edge in found.edges)


def test_traffic_that_is_not_declared_is_known_by_its_numbers() -> None:
    found = declared(data.project(), data.telemetry())
    steamer = next(edge for edge in found.edges if edge.callee == "steamer")

    assert steamer.requests_per_second == pytest.approx(12.5)
    assert steamer.versions == {"v1": 11.25, "v2": 1.25}
    assert steamer.error_ratio == pytest.approx(0.1)
