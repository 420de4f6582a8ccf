"""What is declared, and what was counted -> who calls whom. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from sandbox.control import Graph, GraphEdge, GraphNode, ProjectStatus
from sandbox.model import GATEWAY
from sandbox.telemetry.columns import DETAIL, REQUESTS, Amounts, EdgeKey, added
from sandbox.telemetry.signals import Counted, signals
from sandbox.telemetry.told import EXTERNAL

Pair = tuple[str, str]

_MOST_HOSTS = 50
"""Hosts outside that are drawn: those with the most requests."""


def graph(status: ProjectStatus, counted: Counted, at: float, external: Collection[str] = ()) -> Graph:
    """external: services that are hosts outside."""
    services = [service.name for service in status.services]
    observed = _observed(counted.by_edge, [GATEWAY, *services])
    declared = list(dict.fromkeys(_declared(status)))
    hosts = dict.fromkeys(callee for _, callee in observed if callee not in services)
    pairs = dict.fromkeys([*declared, *observed])
    return Graph(
        at=at,
        nodes=(
            *_nodes(status, external),
            *(GraphNode(name=host, kind="external", ready=0, replicas=0) for host in hosts),
        ),
        edges=tuple(_edge(pair, pair in declared, observed.get(pair, {}), counted.seconds) for pair in pairs),
    )


def _nodes(status: ProjectStatus, external: Collection[str]) -> Iterator[GraphNode]:
    yield GraphNode(name=GATEWAY, kind="gateway", ready=1, replicas=1)
    for service in status.services:
        kind = "external" if service.name in external else "service"
        yield GraphNode(name=service.name, kind=kind, ready=service.ready, replicas=service.replicas)


def _declared(status: ProjectStatus) -> Iterator[Pair]:
    """The gateway's: to public services, and to ports that are open to the host."""
    for service in status.services:
        if service.url is not None or any(":" in port for port in service.ports):
            yield GATEWAY, service.name
    for service in status.services:
        for callee in service.depends_on:
            yield service.name, callee


def _observed(by_edge: Mapping[EdgeKey, Amounts], known: Collection[str]) -> dict[Pair, dict[str, Amounts]]:
    """By version. Of hosts outside that are no longer called, nothing stays."""
    found: dict[Pair, dict[str, Amounts]] = {}
    for edge in sorted(by_edge):
        if edge.caller and edge.callee in known:
            found.setdefault((edge.caller, edge.callee), {})[edge.version] = by_edge[edge]
    outside = [edge for edge in by_edge if edge.version == EXTERNAL and by_edge[edge].get(REQUESTS)]
    busiest = sorted(outside, key=lambda edge: (-by_edge[edge][REQUESTS], edge))
    for edge in sorted(busiest[:_MOST_HOSTS]):
        found[(edge.caller, edge.callee)] = {edge.version: by_edge[edge]}
    return found


def _edge(pair: Pair, declared: bool, versions: Mapping[str, Amounts], seconds: float) -> GraphEdge:
    together = added(versions.values())
    found = signals(together, seconds)
    return GraphEdge(
        caller=pair[0],
        callee=pair[1],
        declared=declared,
        requests_per_second=found.requests_per_second,
        errors_per_second=found.errors_per_second,
        error_ratio=found.error_ratio,
        p50=found.p50,
        p99=found.p99,
        versions={name: signals(one, seconds).requests_per_second for name, one in versions.items() if name},
        reasons=dict(_reasons(together.items(), seconds)),
    )


def _reasons(amounts: Iterable[tuple[str, int]], seconds: float) -> Iterator[tuple[str, float]]:
    for column, count in amounts:
        if column.startswith(DETAIL) and seconds:
            code, flags, details = column.removeprefix(DETAIL).split(".", 2)
            yield f"{code} {flags or '-'} {details}", count / seconds
