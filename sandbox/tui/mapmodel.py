"""The live graph as it is to be drawn: how nodes are, what edges carry, and how one walks it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache

from sandbox.control import Graph, GraphEdge, GraphNode, ProjectStatus, Status, TelemetrySnapshot
from sandbox.graphlayout import Arrangement, arrange
from sandbox.tui.condition import Condition, conditions
from sandbox.tui.words import SYMBOLS, TONES, Tone, milliseconds, percent, rate, shares
from sandbox.wording import counted

GATEWAY = "gateway"
_FAILING = 0.01
_BAD = 0.05
_IN_TROUBLE = frozenset({Status.FAILED, Status.BACKOFF, Status.UNHEALTHY})

Pair = tuple[str, str]
Focus = str | Pair
"""A node, or an edge."""


class Kind(IntEnum):
    """How an edge is; the greater is drawn over the lesser."""

    UNUSED = 0
    USED = 1
    UNDECLARED = 2
    FAILING = 3


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    symbol: str
    tone: Tone
    note: str  # behind its name, when there is something to say


@dataclass(frozen=True, slots=True)
class Model:
    nodes: Mapping[str, Node]
    edges: Mapping[Pair, GraphEdge]
    arrangement: Arrangement

    def out(self, node: str) -> list[Pair]:
        """The edges to what it calls, from left to right."""
        return sorted((pair for pair in self.edges if pair[0] == node), key=lambda pair: self._place(pair[1]))

    def into(self, node: str) -> list[Pair]:
        return sorted((pair for pair in self.edges if pair[1] == node), key=lambda pair: self._place(pair[0]))

    def _place(self, node: str) -> tuple[int, int]:
        for layer, names in enumerate(self.arrangement.nodes()):
            if node in names:
                return names.index(node), layer
        return 0, 0


def model(
    graph: Graph,
    status: ProjectStatus | None,
    around: str | None = None,
    hops: int = 1,
    known_as: Mapping[str, Condition] | None = None,
) -> Model:
    """Of everything, or of what is so many edges away from one node. known_as: how services are, by name."""
    kept = _near(graph, around, hops) if around else {node.name for node in graph.nodes}
    nodes = [node for node in graph.nodes if node.name in kept]
    edges = {(edge.caller, edge.callee): edge for edge in graph.edges if {edge.caller, edge.callee} <= kept}
    how = known_as or conditions(status, None)
    shown = {node.name: _node(node, how.get(node.name)) for node in nodes}
    return Model(shown, edges, _arranged(tuple(shown), tuple(edges)))


@lru_cache(maxsize=8)
def _arranged(nodes: tuple[str, ...], edges: tuple[Pair, ...]) -> Arrangement:
    """The same as long as names are: numbers come every second."""
    return arrange(nodes, edges, roots=(GATEWAY,))


def _near(graph: Graph, around: str, hops: int) -> set[str]:
    near = {around}
    for _ in range(hops):
        near |= {end for edge in graph.edges if near & {edge.caller, edge.callee} for end in (edge.caller, edge.callee)}
    return near


def _node(node: GraphNode, condition: Condition | None) -> Node:
    if node.kind == "gateway":
        return Node(node.name, "◈", Tone.PLAIN, "")
    if node.kind == "external":
        return Node(node.name, "◇", Tone.OFF, "")
    note = f"{node.ready}/{node.replicas}" if node.ready != node.replicas else ""
    if condition is None:
        status = Status.HEALTHY if node.ready else Status.STOPPED
        return Node(node.name, SYMBOLS[status], TONES[status], note)
    return Node(node.name, condition.symbol, condition.tone, note)


def declared(status: ProjectStatus, telemetry: TelemetrySnapshot | None) -> Graph:
    """What is known without the graph's own part of the control: what is declared, and the last seconds' traffic."""
    nodes = [GraphNode(name=GATEWAY, kind="gateway", ready=1, replicas=1)]
    nodes += [
        GraphNode(name=one.name, kind="service", ready=one.ready, replicas=one.replicas) for one in status.services
    ]
    edges = {(one.name, callee): _declared(one.name, callee) for one in status.services for callee in one.depends_on}
    edges |= {(GATEWAY, one.name): _declared(GATEWAY, one.name) for one in status.services if one.url}
    for measured in telemetry.edges if telemetry else ():
        pair, signals = (measured.caller, measured.callee), measured.signals
        edge = edges.get(pair) or replace(_declared(*pair), declared=False)
        total = edge.requests_per_second + signals.requests_per_second
        failed = edge.error_ratio * edge.requests_per_second + signals.errors_per_second
        edges[pair] = replace(
            edge,
            requests_per_second=total,
            error_ratio=failed / total if total else 0.0,
            p50=signals.p50 if edge.p50 is None else edge.p50,
            p99=max(edge.p99 or 0.0, signals.p99) if signals.p99 is not None else edge.p99,
            versions={**edge.versions, measured.version: signals.requests_per_second},
        )
    return Graph(at=telemetry.at if telemetry else 0.0, nodes=tuple(nodes), edges=tuple(edges.values()))


def _declared(caller: str, callee: str) -> GraphEdge:
    return GraphEdge(caller=caller, callee=callee, declared=True)


# --- words --------------------------------------------------------------------------------------------------------


def kind(edge: GraphEdge) -> Kind:
    if edge.requests_per_second and edge.error_ratio >= _FAILING:
        return Kind.FAILING
    if not edge.declared:
        return Kind.UNDECLARED
    return Kind.USED if edge.requests_per_second else Kind.UNUSED


def tone(edge: GraphEdge) -> Tone:
    match kind(edge):
        case Kind.FAILING:
            return Tone.BAD if edge.error_ratio >= _BAD else Tone.BUSY
        case Kind.UNDECLARED:
            return Tone.BUSY
        case Kind.USED:
            return Tone.GOOD
    return Tone.OFF


def labels(edge: GraphEdge) -> list[str]:
    """From the fullest to the shortest. Where there is room for one number alone, errors are it."""
    mark = "" if edge.declared else "undeclared "
    if not edge.requests_per_second:
        return [f"{mark}–", ""]
    errors = f" ✗{percent(edge.error_ratio)}%" if edge.error_ratio else ""
    speed = f" {milliseconds(edge.p99 if edge.p99 is not None else edge.p50)}"
    basis = f"{rate(edge.requests_per_second)}/s"
    short = f"{'? ' if mark else ''}{basis}"
    found = [f"{mark}{basis}{errors}{speed}", f"{short}{errors}{speed}", f"{short}{errors}"]
    return [*found, errors.strip(), ""] if errors else [*found, ""]


def edge_line(edge: GraphEdge) -> tuple[str, Tone]:
    parts = [f"{edge.caller} → {edge.callee}"]
    if edge.requests_per_second:
        parts += [
            f"{rate(edge.requests_per_second)}/s",
            f"{'✗ ' if edge.error_ratio else ''}errors {percent(edge.error_ratio)}%",
            f"p50 {milliseconds(edge.p50)}",
            f"p99 {milliseconds(edge.p99)}",
        ]
        parts += [shares(edge.versions)] if len(edge.versions) > 1 else []
    else:
        parts.append("no traffic now")
    parts += [] if edge.declared else ["not declared in depends_on"]
    return " · ".join(parts), tone(edge)


def node_lines(shown: Model, name: str) -> list[tuple[str, Tone]]:
    """Who calls it and whom it calls, with the numbers of each."""
    node = shown.nodes[name]
    head = f"{node.symbol} {name}{f' {node.note} ready' if node.note else ''}"
    into, out = shown.into(name), shown.out(name)
    return [
        (f"{head} · {_count(len(into), 'caller')} · calls {len(out) or 'nobody'}", node.tone),
        *(edge_line(shown.edges[pair]) for pair in (*into, *out)),
    ]


def _count(number: int, what: str) -> str:
    return counted(number, what) if number else f"no {what}s"


# --- walking ------------------------------------------------------------------------------------------------------


def worst(shown: Model, status: ProjectStatus | None) -> Focus | None:
    """Where to look first: at what does not run, else at the edge with the most errors, else at the gateway.

    An edge to a service whose own calls fail is passed over: that service hands on what it gets.
    """
    for service in status.services if status else ():
        if service.status in _IN_TROUBLE and service.name in shown.nodes:
            return service.name
    failing = [pair for pair, edge in shown.edges.items() if kind(edge) is Kind.FAILING]
    if failing:
        callers = {pair[0] for pair in failing}
        deepest = [pair for pair in failing if pair[1] not in callers]
        return max(deepest or failing, key=lambda pair: shown.edges[pair].error_ratio)
    return next(iter(name for layer in shown.arrangement.nodes() for name in layer), None)


def step(shown: Model, focus: Focus, direction: str) -> Focus:
    """Up and down walk along edges, from node to edge to node; left and right go to what is beside it."""
    if isinstance(focus, tuple):
        return _from_edge(shown, focus, direction)
    if direction in ("up", "down"):
        edges = shown.out(focus) if direction == "down" else shown.into(focus)
        return edges[0] if edges else focus
    layer: Sequence[str] = next((names for names in shown.arrangement.nodes() if focus in names), (focus,))
    return _beside(layer, layer.index(focus), direction)


def _from_edge(shown: Model, edge: Pair, direction: str) -> Focus:
    if direction == "up":
        return edge[0]
    if direction == "down":
        return edge[1]
    siblings = shown.out(edge[0])
    if len(siblings) < 2:
        siblings = shown.into(edge[1])
    return _beside(siblings, siblings.index(edge), direction)


def _beside(row: Sequence[Focus], index: int, direction: str) -> Focus:
    return row[min(max(index + (1 if direction == "right" else -1), 0), len(row) - 1)]
