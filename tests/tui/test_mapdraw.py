from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.control import Graph, GraphEdge, GraphNode
from sandbox.tui.mapdraw import Drawing, drawing
from sandbox.tui.mapmodel import model
from tests.fakes import scene


def read(found: Drawing) -> str:
    return "\n".join("".join(glyph.text for glyph in row).rstrip() for row in found.rows)


def a_graph(*edges: tuple[str, str], rate: float = 5.0) -> Graph:
    names = dict.fromkeys(name for edge in edges for name in edge)
    nodes = tuple(GraphNode(name=name, kind="service", ready=1, replicas=1) for name in names)
    found = tuple(
        GraphEdge(caller=a, callee=b, declared=True, requests_per_second=rate, p50=1.0, p99=2.0) for a, b in edges
    )
    return Graph(at=0.0, nodes=nodes, edges=found)


def test_a_chain_has_its_boxes_below_each_other() -> None:
    found = drawing(model(a_graph(("a", "b"), ("b", "c")), None), 30, 20)
    rows = [found.boxes[name].y for name in "abc"]

    assert rows == sorted(rows)
    assert "▼ 5.0/s 2ms" in read(found)


def test_a_low_screen_gets_lines_a_high_one_boxes() -> None:
    shown = model(scene.graph(), None)

    assert "╭─" in read(drawing(shown, 160, 44))
    assert drawing(shown, 160, 44).height <= 44
    assert "[● steamer]" in read(drawing(shown, 80, 18))
    assert drawing(shown, 80, 18).height <= 18


def test_unused_failing_and_undeclared_edges_differ_in_shape() -> None:
    text = read(drawing(model(scene.graph(), None), 80, 19))

    assert "┊" in text
    assert "━" in text or "┃" in text
    assert "║" in text


def test_back_edges_and_loops_are_told() -> None:
    text = read(drawing(model(a_graph(("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")), None), 60, 30))

    assert "▲" in text
    assert "b ↺" in text


NAMES = st.sampled_from([f"s{number}" for number in range(9)])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=25, unique=True), st.integers(20, 170), st.integers(8, 50)
)
def test_any_graph_is_drawn_whole(edges: list[tuple[str, str]], width: int, height: int) -> None:
    shown = model(a_graph(*edges), None)
    found = drawing(shown, width, height)

    assert set(shown.nodes) <= set(found.boxes)
    assert all(len(row) == found.width for row in found.rows)
    assert len(found.rows) == found.height
    for name in shown.nodes:
        box = found.boxes[name]
        owners = {found.at(x, y) for x in range(box.x, box.x + box.width) for y in range(box.y, box.y + box.height)}
        assert owners == {name}  # no line crosses a node, no node covers another
    for pair in shown.edges:
        if pair[0] != pair[1]:
            assert pair in found.boxes
