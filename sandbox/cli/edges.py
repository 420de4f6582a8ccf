"""`sandbox edges`: who calls whom, as a table or as a drawing."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace

from sandbox.cli.figures import milliseconds, rate, share
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.table import render
from sandbox.control import Control, Graph, GraphEdge, GraphNode
from sandbox.pictures.callgraph import BAD_FROM, call_graph

_COLUMNS = ("FROM", "TO", "REQ/S", "ERRORS", "P50", "P99", "NOTE")
_MOST_REASONS = 2


def run(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        graph = await control.metrics.graph()
        if options.undeclared:
            graph = only_undeclared(graph)
        text = as_table(graph, Style.of(sys.stdout)) if options.output == "table" else _DRAWN[options.output](graph)
        sys.stdout.write(text)
        return 0

    return talk(options, conversation)


def only_undeclared(graph: Graph) -> Graph:
    edges = tuple(edge for edge in graph.edges if not edge.declared)
    used = {name for edge in edges for name in (edge.caller, edge.callee)}
    return replace(graph, edges=edges, nodes=tuple(node for node in graph.nodes if node.name in used))


def as_table(graph: Graph, style: Style) -> str:
    if not graph.edges:
        return "no edges: nobody calls anybody\n"

    def paint(column: str, text: str) -> str:
        if column == "NOTE" and text.strip():
            return style.paint(text, "yellow")
        return style.paint(text, "grey") if text.strip() in ("-", "0") else text

    kinds = {node.name: node.kind for node in graph.nodes}
    rows = [_row(edge, kinds.get(edge.callee, "")) for edge in graph.edges]
    return "".join(f"{line}\n" for line in render(_COLUMNS, rows, paint))


def _row(edge: GraphEdge, callee: str) -> tuple[str, ...]:
    asked = edge.requests_per_second
    notes = [_whether_declared(edge, callee), *_reasons(edge)]
    return (
        edge.caller,
        edge.callee,
        rate(asked),
        share(edge.error_ratio if asked else None),
        milliseconds(edge.p50),
        milliseconds(edge.p99),
        ", ".join(filter(None, notes)),
    )


def _whether_declared(edge: GraphEdge, callee: str) -> str:
    if edge.declared:
        return ""
    return "outside" if callee == "external" else "undeclared"


def _reasons(edge: GraphEdge) -> Iterator[str]:
    """The most frequent ones, in Envoy's words: `503 UF`."""
    counts: dict[str, float] = {}
    for reason, per_second in edge.reasons.items():
        code, flags, _ = reason.split(" ", 2)
        words = code if flags == "-" else f"{code} {flags}"
        counts[words] = counts.get(words, 0.0) + per_second
    yield from sorted(counts, key=lambda words: (-counts[words], words))[:_MOST_REASONS]


def as_json(graph: Graph) -> str:
    return json.dumps(asdict(graph), indent=2) + "\n"


def as_svg(graph: Graph) -> str:
    return call_graph(graph, alone=True) + "\n"


def as_dot(graph: Graph) -> str:
    """For Graphviz: https://graphviz.org/doc/info/lang.html"""
    lines = ["digraph {", "  rankdir=LR", '  node [shape=box, style=rounded, fontname="sans-serif"]']
    lines += [f"  {_quoted(node.name)}{_dot_shape(node)}" for node in graph.nodes]
    lines += [f"  {_quoted(edge.caller)} -> {_quoted(edge.callee)}{_dot_look(edge)}" for edge in graph.edges]
    return "".join(f"{line}\n" for line in [*lines, "}"])


def _dot_shape(node: GraphNode) -> str:
    return {"gateway": " [shape=ellipse]", "external": ' [style="rounded,dashed"]'}.get(node.kind, "")


def _dot_look(edge: GraphEdge) -> str:
    given = []
    if edge.requests_per_second:
        given.append(f"label={_quoted(_traffic(edge))}")
        if edge.error_ratio >= BAD_FROM:
            given.append("color=red")
    else:
        given.append("color=gray")
    if not edge.declared:
        given.append("style=dashed")
    return f" [{', '.join(given)}]"


def as_mermaid(graph: Graph) -> str:
    """https://mermaid.js.org/syntax/flowchart.html, where a name must not be a keyword of the language."""
    ids = {name: f"n{index}" for index, name in enumerate(_names(graph))}
    shapes = {"gateway": ('(["', '"])'), "external": ('{{"', '"}}')}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        left, right = shapes.get(node.kind, ('["', '"]'))
        lines.append(f"  {ids[node.name]}{left}{_plain(node.name)}{right}")
    for edge in graph.edges:
        arrow = "-->" if edge.declared else "-.->"
        label = f'|"{_plain(_traffic(edge))}"|' if edge.requests_per_second else ""
        lines.append(f"  {ids[edge.caller]} {arrow}{label} {ids[edge.callee]}")
    return "".join(f"{line}\n" for line in lines)


def _names(graph: Graph) -> list[str]:
    ends = (name for edge in graph.edges for name in (edge.caller, edge.callee))
    return list(dict.fromkeys([*(node.name for node in graph.nodes), *ends]))


def _traffic(edge: GraphEdge) -> str:
    failed = f", {share(edge.error_ratio)} failed" if edge.error_ratio else ""
    return f"{rate(edge.requests_per_second)}/s, p99 {milliseconds(edge.p99)}{failed}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    return text.replace('"', "#quot;")


_DRAWN: Mapping[str, Callable[[Graph], str]] = {
    "json": as_json,
    "svg": as_svg,
    "dot": as_dot,
    "mermaid": as_mermaid,
}
