"""Charts: well-formed SVG that says what the numbers were, whatever they were."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Marker, Metric, MetricsAnswer, Series
from sandbox.events import Severity
from sandbox.pictures.chart import Line, chart
from sandbox.pictures.panels import PANELS, panels, query

SVG = "{http://www.w3.org/2000/svg}"
VALUES = st.lists(st.floats(0, 1e9) | st.none(), max_size=60)
START = 1767268800.0


def utc(at: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at))


def marker(at: float, label: str = "orders reloaded", sort: str = "save") -> Marker:
    return Marker(at=at, sort=sort, label=label, severity=Severity.INFO, services=("orders",))


def read(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


@given(st.text(max_size=30), st.lists(VALUES, max_size=3), st.text(max_size=30))
def test_it_is_well_formed_and_stays_on_its_paper(title: str, values: list[list[float | None]], label: str) -> None:
    printable = "".join(character for character in title + label if character.isprintable())
    lines = [Line(printable, one) for one in values]
    drawn = read(chart(printable, "/s", START, 1.0, lines, [marker(START, printable)], utc))
    width, height = (float(size) for size in drawn.attrib["viewBox"].split()[2:])
    for path in drawn.iter(f"{SVG}path"):
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.attrib["d"]):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height


def test_a_gap_is_a_gap_and_a_lone_value_a_dot() -> None:
    svg = chart("requests", "/s", START, 1.0, [Line("all", [1.0, 1.0, None, 1.0])], clock=utc)
    (path,) = (one for one in read(svg).iter(f"{SVG}path") if one.attrib["class"] == "line line-1")
    assert path.attrib["d"].count("M") == 2
    assert path.attrib["d"].count("L") == 1


def test_it_tells_the_newest_value_and_what_happened() -> None:
    svg = chart("latency", "ms", START, 10.0, [Line("p50", [3.0, 12.0])], [marker(START + 5), marker(START - 5)], utc)
    assert ">p50 12 ms<" in svg
    assert ">20 ms<" in svg
    assert svg.count("<title>") == 1
    assert "<title>12:00:05 orders reloaded</title>" in svg


def test_nothing_in_it_is_markup_of_somebody_else() -> None:
    svg = chart("<b>", "/s", START, 1.0, [Line('"><script>', [1.0])], [marker(START, "</title><script>")], utc)
    assert "<script" not in svg and "<b>" not in svg


def test_there_are_no_looks_in_it() -> None:
    """A page's policy forbids them."""
    assert "style=" not in chart("requests", "/s", START, 1.0, [Line("all", [1.0])], clock=utc)


def test_the_panels_of_a_service() -> None:
    assert {metric for panel in PANELS for metric, _, _ in panel.metrics} == set(query("orders").metrics)
    series = [Series(metric=metric, labels={}, values=(0.5, None)) for metric in (Metric.ERROR_RATIO, Metric.CPU)]
    found = list(panels(MetricsAnswer(start=START, step=1.0, series=tuple(series))))
    assert [re.findall(r'class="title"[^>]*>([^<]+)<', svg)[0] for svg in found] == ["errors", "processor"]
    assert ">failed 50 %<" in found[0]
