from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Metric, MetricsAnswer, Series
from sandbox.events import Event, Kind, Severity
from sandbox.tui.chart import Chart, Curve, Mark, arranged, charts, draw, marks, usage_charts, version_chart
from sandbox.tui.words import Tone, rate

CHART = Chart("requests/s", rate, (Curve("", (1.0, 4.0, 8.0), Tone.GOOD),), 0.0, 60.0)


def texts(lines: list[list[tuple[str, Tone]]]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_a_chart_has_a_title_with_the_newest_number_a_scale_and_an_axis() -> None:
    title, top, *_, bottom, axis = texts(draw(CHART, (), 40, 6))

    assert title == "requests/s  8.0"
    assert (top.split()[0], bottom.split()[0]) == ("8.0", "0")
    assert axis.split("─")[0].strip() and axis.endswith(":00")


def test_what_happened_stands_on_the_axis() -> None:
    axis = texts(draw(CHART, [Mark(30.0, "◆", Tone.GOOD), Mark(99.0, "✗", Tone.BAD)], 40, 5))[-1]

    assert "◆" in axis
    assert "✗" not in axis


def test_curves_are_named_beside_their_end_not_by_their_colour_alone() -> None:
    curves = (Curve("p50", (1.0,), Tone.GOOD), Curve("p99", (8.0,), Tone.BAD))
    lines = texts(draw(Chart("latency", rate, curves, 0.0, 60.0), (), 40, 6))

    assert lines[0] == "latency  p50 1.0  p99 8.0"
    assert lines[1].endswith("p99")
    assert any(line.endswith("p50") for line in lines[2:])


@given(st.integers(10, 200), st.integers(4, 30), st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=50))
def test_it_never_leaves_its_place(width: int, height: int, values: list[float | None]) -> None:
    curves = (Curve("one", values, Tone.GOOD), Curve("two", values[::-1], Tone.BAD))
    lines = texts(draw(Chart("x", rate, curves, 0.0, 9.0), (), width, height))

    assert len(lines) == height
    assert max(map(len, lines)) <= max(width, 16)


@pytest.mark.parametrize(
    ("width", "height", "shown"), [(38, 30, 5), (78, 17, 5), (160, 40, 5), (20, 40, 0), (80, 3, 0), (38, 11, 2)]
)
def test_as_many_charts_as_there_is_room_for(width: int, height: int, shown: int) -> None:
    lines = texts(arranged([CHART] * 5, (), width, height))

    assert sum(line.count("requests/s") for line in lines) == shown
    assert len(lines) <= height


def test_an_answer_becomes_charts() -> None:
    answer = MetricsAnswer(
        start=100.0,
        step=5.0,
        series=tuple(Series(metric=metric, labels={}, values=(1.0, 2.0)) for metric in Metric),
    )

    assert [chart.title for chart in charts(answer)] == ["requests/s", "errors %", "latency"]
    assert [curve.name for curve in charts(answer)[2].curves] == ["p50", "p95", "p99"]
    assert [chart.title for chart in usage_charts(answer)] == ["CPU", "memory"]
    assert charts(answer)[0].end == 110.0


def test_versions_have_a_curve_each() -> None:
    series = tuple(
        Series(metric=Metric.REQUESTS, labels={"version": name}, values=(1.0,))
        for name in ("v2", "v1", "v3", "v4", "v5")
    )
    chart = version_chart(MetricsAnswer(start=0.0, step=1.0, series=series))

    assert [curve.name for curve in chart.curves] == ["v1", "v2", "v3", "v4", "v5"]


def test_marks_are_of_the_service_and_of_the_project() -> None:
    events = (
        Event(kind=Kind.SERVICE_RELOADED, message="orders reloaded", service="orders", at=1.0),
        Event(kind=Kind.SERVICE_RELOADED, message="steamer reloaded", service="steamer", at=2.0),
        Event(kind=Kind.POLICY_APPLIED, message="revision 2", at=3.0),
        Event(kind=Kind.INSTANCE_FAILED, message="orders failed", service="orders", severity=Severity.ERROR, at=4.0),
        Event(kind=Kind.INSTANCE_HEALTHY, message="a step on the way", service="orders", at=5.0),
    )

    assert [mark.symbol for mark in marks(events, "orders", 0.0, 10.0)] == ["↻", "◆", "✗"]
