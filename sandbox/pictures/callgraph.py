"""Who calls whom, as SVG: services in layers from the gateway, edges with their traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from itertools import pairwise
from xml.sax.saxutils import escape as escape_text

from sandbox.control import Graph, GraphEdge, GraphNode
from sandbox.graphlayout import Arrangement, Link, Slot, arrange, spread
from sandbox.model import GATEWAY
from sandbox.pictures.scales import said

SVG = "http://www.w3.org/2000/svg"

BAD_FROM = 0.01
"""Share of failed requests from which an edge is drawn as a bad one."""

_WIDE, _HIGH = 150, 40
_BETWEEN_LAYERS, _BETWEEN_NODES = 110, 66
_EDGE = 24
_LONGEST_NAME = 20

Point = tuple[float, float]


def call_graph(found: Graph, *, alone: bool = False) -> str:
    """alone: with its look inside, for a file of its own; else whoever shows it brings `pictures.css`."""
    pairs = [(edge.caller, edge.callee) for edge in found.edges]
    names = list(dict.fromkeys([*(node.name for node in found.nodes), *(name for pair in pairs for name in pair)]))
    laid = arrange(names, pairs, [GATEWAY])
    places = _places(laid)
    right = max((x for x, _ in places.values()), default=0.0) + _WIDE + _EDGE
    bottom = max((y for _, y in places.values()), default=0.0) + _HIGH + _EDGE
    nodes = {node.name: node for node in found.nodes}
    by_pair = {(edge.caller, edge.callee): edge for edge in found.edges}
    size = f'width="{right:.0f}" height="{bottom:.0f}" ' if alone else ""
    parts = [
        f'<svg xmlns="{SVG}" class="graph" {size}viewBox="0 0 {right:.0f} {bottom:.0f}" role="img"'
        ' aria-label="who calls whom">',
        f"<style>{_look()}</style>" if alone else "",
        *(_edge(by_pair[(link.source, link.target)], link, places) for link in laid.links),
        *(_node(name, nodes.get(name), places[Slot(name)]) for name in names),
        "</svg>",
    ]
    return "".join(parts)


def _look() -> str:
    return resources.files("sandbox.pictures").joinpath("pictures.css").read_text()


def _places(laid: Arrangement) -> Mapping[Slot, Point]:
    """The upper left corner of each node; of a passing edge, the same for an invisible one."""
    across = spread(laid, _BETWEEN_NODES)
    return {
        slot: (_EDGE + index * (_WIDE + _BETWEEN_LAYERS), _EDGE + across[slot])
        for index, layer in enumerate(laid.layers)
        for slot in layer
    }


def _node(name: str, node: GraphNode | None, at: Point) -> str:
    x, y = at
    kind = node.kind if node is not None else "external"
    counts = f"{node.ready}/{node.replicas}" if node is not None and kind == "service" else ""
    down = " down" if node is not None and counts and node.ready < node.replicas else ""
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    middle, line = x + _WIDE / 2, y + (18 if counts else 25)
    return (
        f'<g class="node {kind}{down}"><title>{_escaped(f"{name} {counts}".strip())}</title>'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDE}" height="{_HIGH}" rx="{20 if kind == "gateway" else 6}"/>'
        f'<text x="{middle:.0f}" y="{line:.0f}">{_escaped(short)}</text>'
        + (f'<text class="count" x="{middle:.0f}" y="{y + 32:.0f}">{counts} ready</text>' if counts else "")
        + "</g>"
    )


def _edge(edge: GraphEdge, link: Link, places: Mapping[Slot, Point]) -> str:
    points = list(_points(link, places))
    classes = " ".join(["edge", *_classes(edge)])
    curve = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(_curve(a, b) for a, b in pairwise(points))
    (x1, y1), (x2, y2) = points[-2], points[-1]
    label = _label(edge)
    text = f'<text x="{(x1 + x2) / 2:.0f}" y="{(y1 + y2) / 2 - 5:.0f}">{_escaped(label)}</text>' if label else ""
    return (
        f'<g class="{classes}"><title>{_escaped(describe(edge))}</title><path d="{curve}"/>'
        f"{_arrow(points[-2], points[-1])}{text}</g>"
    )


def _classes(edge: GraphEdge) -> Iterator[str]:
    if not edge.declared:
        yield "undeclared"
    if not edge.requests_per_second:
        yield "idle"
    elif edge.error_ratio >= BAD_FROM:
        yield "bad"


def _label(edge: GraphEdge) -> str:
    if not edge.requests_per_second:
        return ""
    failed = f" · {said(edge.error_ratio * 100, '%')} failed" if edge.error_ratio >= BAD_FROM else ""
    return f"{said(edge.requests_per_second, '/s')}{failed}"


def describe(edge: GraphEdge) -> str:
    """In words, for whoever points at it."""
    said_of = [f"{edge.caller} → {edge.callee}", "" if edge.declared else "not declared in depends_on"]
    if edge.requests_per_second:
        said_of += [
            said(edge.requests_per_second, "/s"),
            f"{said(edge.error_ratio * 100, '%')} failed",
            f"p50 {said(edge.p50, 'ms')}, p99 {said(edge.p99, 'ms')}",
        ]
    else:
        said_of.append("no traffic")
    return "; ".join(filter(None, said_of))


def _points(link: Link, places: Mapping[Slot, Point]) -> Iterator[Point]:
    """From the right side of one node to the left side of the other; a backward edge runs the other way round."""
    if link.source == link.target:
        x, y = places[link.path[0]]
        yield from ((x + _WIDE * 0.7, y), (x + _WIDE * 0.7, y - 16), (x + _WIDE * 0.3, y - 16), (x + _WIDE * 0.3, y))
        return
    for index, slot in enumerate(link.path):
        x, y = places[slot]
        middle = y + _HIGH / 2 + (8 if link.backward else 0)
        left, right = (x + _WIDE, x) if link.backward else (x, x + _WIDE)
        if index > 0:
            yield left, middle
        if index < len(link.path) - 1:
            yield right, middle


def _curve(start: Point, end: Point) -> str:
    bend = (end[0] - start[0]) / 2
    return f"C{start[0] + bend:.1f} {start[1]:.1f} {end[0] - bend:.1f} {end[1]:.1f} {end[0]:.1f} {end[1]:.1f}"


def _arrow(before: Point, tip: Point) -> str:
    x, y = tip
    if tip[0] == before[0]:
        return f'<path class="head" d="M{x:.1f} {y:.1f}l-4 -7h8z"/>'
    back = -8 if tip[0] > before[0] else 8
    return f'<path class="head" d="M{x:.1f} {y:.1f}l{back} -4v8z"/>'


def _escaped(text: str) -> str:
    return escape_text(text, {'"': "&quot;"})
