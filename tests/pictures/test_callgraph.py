from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Graph, GraphEdge, GraphNode
from sandbox.pictures.callgraph import call_graph

GATEWAY = GraphNode(name="gateway", kind="gateway", ready=1, replicas=1)


def node(name: str, *, ready: int = 1, kind: str = "service") -> GraphNode:
    return GraphNode(name=name, kind=kind, ready=ready, replicas=1)


def edge(caller: str, callee: str, rate: float = 0.0, ratio: float = 0.0, *, declared: bool = True) -> GraphEdge:
    return GraphEdge(caller=caller, callee=callee, declared=declared, requests_per_second=rate, error_ratio=ratio)


def drawn(*parts: GraphNode | GraphEdge) -> ElementTree.Element:
    nodes = tuple(part for part in parts if isinstance(part, GraphNode))
    edges = tuple(part for part in parts if isinstance(part, GraphEdge))
    return ElementTree.fromstring(call_graph(Graph(at=0.0, nodes=nodes, edges=edges)))


def classes(picture: ElementTree.Element) -> list[str]:
    return [one.get("class", "") for one in picture if one.tag.endswith("}g")]


def test_what_is_wrong_undeclared_or_idle_is_seen() -> None:
    picture = drawn(
        GATEWAY,
        node("web", ready=0),
        node("orders"),
        edge("gateway", "web", 5, 0.5),
        edge("web", "orders"),
        edge("gateway", "orders", 1, declared=False),
    )

    assert classes(picture) == [
        "edge bad",
        "edge idle",
        "edge undeclared",
        "node gateway",
        "node service down",
        "node service",
    ]


def test_a_name_from_outside_can_not_break_out() -> None:
    picture = drawn(GATEWAY, edge("gateway", '"><script>', 1, declared=False))

    assert classes(picture)[-1] == "node external"
    assert not [one for one in picture.iter() if one.tag.endswith("script")]


def test_alone_it_brings_its_look_and_its_size() -> None:
    text = call_graph(Graph(at=0.0, nodes=(GATEWAY,), edges=()), alone=True)

    assert "<style>" in text
    assert re.search(r'width="\d+" height="\d+"', text)
    ElementTree.fromstring(text)


NAMES = ["gateway", "a", "b", "c", "d"]


@given(st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12))
def test_any_graph_is_drawn_within_its_frame(pairs: set[tuple[str, str]]) -> None:
    picture = drawn(GATEWAY, *map(node, NAMES[1:]), *(edge(a, b, 1.0) for a, b in sorted(pairs)))
    width, height = map(float, picture.get("viewBox", "").split()[2:])

    for box in (one for one in picture.iter() if one.tag.endswith("rect")):
        assert 0 <= float(box.get("x", "-1")) <= width - float(box.get("width", "0"))
        assert 0 <= float(box.get("y", "-1")) <= height - float(box.get("height", "0"))
    assert len([one for one in classes(picture) if one.startswith("edge")]) == len(pairs)
