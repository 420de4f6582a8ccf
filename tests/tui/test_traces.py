from __future__ import annotations

import pytest

from sandbox.control import TraceQuery
from sandbox.errors import UsageError
from sandbox.tui.traces import bar_of, query, span_lines, summary_rows, waterfall
from sandbox.tui.words import Tone
from tests.fakes import scene

SERVICES = ("orders", "steamer")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", TraceQuery()),
        ("orders", TraceQuery(service="orders")),
        ("/api/buns 503", TraceQuery(route="/api/buns", status=503)),
        ("error >200ms", TraceQuery(errors=True, min_duration=0.2)),
        (">1.5s slowest", TraceQuery(min_duration=1.5, slowest=True)),
        (">80", TraceQuery(min_duration=0.08)),
        ("http.method=POST", TraceQuery(attribute="http.method=POST")),
        ("'GET /menu'", TraceQuery(route="GET /menu")),
        ("²²²", TraceQuery(route="²²²")),
    ],
)
def test_words_narrow(text: str, found: TraceQuery) -> None:
    assert query(text, SERVICES) == found


@pytest.mark.parametrize("text", [">soon", "'open"])
def test_words_that_mean_nothing_are_told(text: str) -> None:
    with pytest.raises(UsageError):
        query(text, SERVICES)


def test_a_failed_request_has_a_sign_not_only_a_colour() -> None:
    failed, fine = summary_rows(scene.summaries()[:2])

    assert (failed.cells["status"].text, fine.cells["status"].text) == ("✗ 503", "● 200")
    assert failed.cells["duration"].tone is Tone.BAD


def test_hops_are_indented_below_their_callers_and_lie_where_they_were_in_time() -> None:
    rows = waterfall(scene.trace(), 46)
    names = [row.cells["name"].text for row in rows]

    assert names[:3] == ["✗ gateway POST /buns", "└ ✗ storefront POST /buns", "  └ ✗ orders POST /orders"]
    assert names[3].startswith("    └ ✗ steamer")
    assert [len(row.cells["bar"].text) <= 46 for row in rows] == [True] * 7
    assert rows[3].cells["bar"].text.startswith("   ━")


def test_a_bar_is_always_to_be_seen() -> None:
    assert bar_of(1.0, 0.0, 1.0, 10, from_proxy=False) == f"{' ' * 9}█"
    assert bar_of(0.0, 0.0, 0.0, 10, from_proxy=False) == "▏"
    assert bar_of(-1.0, 9.0, 1.0, 10, from_proxy=True) == "━" * 10


def test_a_hop_tells_the_meshs_story_and_what_is_odd() -> None:
    trace = scene.trace()
    steamer = [text for text, _ in span_lines(trace.spans[3], trace)]
    mill = [text for text, _ in span_lines(trace.spans[6], trace)]

    assert steamer[1].startswith("→ rule 2 sends 10 % to v2; attempt 1 of 2")
    assert any("clock runs differently" in text for text in mill)
    assert "+100ms kneading" in [text for text, _ in span_lines(trace.spans[5], trace)]
