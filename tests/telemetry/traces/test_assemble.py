"""A trace out of spans that come late, twice, in any order, and from clocks that differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Trace
from sandbox.telemetry.traces.assemble import assemble
from sandbox.telemetry.traces.spans import StoredSpan
from tests.telemetry.traces.build import TRACE, attempt, hop, inside


def put_together(*spans: StoredSpan) -> Trace:
    return assemble(TRACE, spans, lambda hop, tries: f"{len(tries)} attempts", complete=True)


def tree(trace: Trace) -> list[str]:
    """`a`, `a/b`, … in their order."""
    paths: dict[str | None, str] = {None: ""}
    for span in trace.spans:
        paths[span.id] = f"{paths[span.parent]}/{span.id}"
    return [paths[span.id].lstrip("/") for span in trace.spans]


BUN = (
    hop("shop", "client", "gateway", "shop", 0.0, 0.100),
    attempt("shop1", "shop", 0.001, 0.098),
    inside("view", "shop1", "shop", 0.002, 0.090),
    hop("mill", "view", "shop", "mill", 0.010, 0.050),
    attempt("mill1", "mill", 0.011, 0.010, 1, 503),
    attempt("mill2", "mill", 0.025, 0.030, 2),
    inside("grind", "mill2", "mill", 0.026, 0.020),
    hop("pantry", "shop1", "shop", "pantry", 0.070, 0.010),
)


def test_one_attempt_is_part_of_its_hop_and_several_are_shown() -> None:
    found = put_together(*BUN)
    assert tree(found) == [
        "shop",
        "shop/view",
        "shop/view/mill",
        "shop/view/mill/mill1",
        "shop/view/mill/mill2",
        "shop/view/mill/mill2/grind",
        "shop/pantry",
    ]
    assert [span.story for span in found.spans if span.story] == ["1 attempts", "2 attempts", "0 attempts"]
    assert found.spans[0].attributes["instance"] == "pantry-v1-1"  # of its only attempt


@given(st.permutations(BUN), st.lists(st.sampled_from(BUN)))
def test_order_and_duplicates_change_nothing(spans: list[StoredSpan], again: list[StoredSpan]) -> None:
    assert put_together(*spans, *again) == put_together(*BUN)


def test_a_caller_outside_is_no_missing_parent_but_one_inside_is() -> None:
    found = {span.id: span for span in put_together(*(one for one in BUN if one.id != "view")).spans}
    assert not found["shop"].orphan
    assert found["mill"].orphan
    assert not found["pantry"].orphan


def test_a_clock_that_differs_is_told_of_other_services_only() -> None:
    early = put_together(hop("a", "", "gateway", "a", 0.0, 0.1), inside("b", "a", "b", -0.05, 0.01, 2))
    late = put_together(hop("a", "", "gateway", "a", 0.0, 0.1), inside("b", "a", "b", 0.09, 0.05, 2))
    own = put_together(inside("a", "", "a", 0.0, 0.1), inside("b", "a", "a", 0.09, 0.05))
    assert [span.skewed for trace in (early, late, own) for span in trace.spans] == [False, True] * 2 + [False, False]


def test_a_record_is_put_below_the_narrowest_hop_that_led_to_its_caller() -> None:
    outer = hop("o", "", "gateway", "shop", 0.0, 0.2, record=True)
    other = hop("x", "", "shop", "mill", 0.01, 0.15, record=True)
    inner = hop("i", "", "shop", "mill", 0.02, 0.05, record=True)
    found = put_together(hop("p", "", "mill", "pantry", 0.03, 0.01, record=True, status=503), inner, other, outer)
    assert tree(found) == ["o", "o/x", "o/i", "o/i/p"]


def test_client_and_server_may_share_an_id() -> None:
    found = put_together(inside("a", "", "shop", 0.0, 0.2, 3), inside("a", "", "mill", 0.01, 0.1, 2))
    assert [span.service for span in found.spans] == ["mill"]


ids = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(ids, ids, st.integers(0, 50), st.integers(0, 50), st.integers(0, 5), st.booleans())))
def test_whatever_comes_each_span_is_told_once_and_below_its_parent(
    raw: list[tuple[str, str, int, int, int, bool]],
) -> None:
    spans = [
        StoredSpan(id, parent, "s", "n", kind, 1.0 + start, float(duration), False, {}, proxy=proxy)
        for id, parent, start, duration, kind, proxy in raw
    ]
    found = put_together(*spans)
    seen: set[str] = set()
    for span in found.spans:
        assert span.id not in seen
        assert span.parent is None or span.parent in seen
        seen.add(span.id)
    assert seen <= {span.id for span in spans}
    hidden = {span.id for span in spans} - seen
    assert all(any(one.id == id and one.proxy and one.kind == 3 for one in spans) for id in hidden)
