from __future__ import annotations

from sandbox.control import Graph, GraphEdge
from sandbox.telemetry.columns import EdgeKey
from sandbox.telemetry.graph import graph
from sandbox.telemetry.signals import Counted
from tests.fakes import data

BUSY = {"requests": 20, "errors": 2, "le.10": 20, "out.503.UF.upstream_reset{a.b}": 2}
COUNTED = Counted(
    10.0,
    {
        EdgeKey("gateway", "storefront", "v1"): {},
        EdgeKey("orders", "steamer", "v1"): BUSY,
        EdgeKey("orders", "steamer", "v2"): BUSY,
        EdgeKey("steamer", "orders", "v1"): {"requests": 1},
        EdgeKey("steamer", "api.example", "external"): {"requests": 1},
        EdgeKey("steamer", "idle.example", "external"): {},
        EdgeKey("", "steamer", "v1"): {"ejections": 1},
        EdgeKey("gateway", "", ""): {"requests": 5},
        EdgeKey("orders", "gone", "v1"): {"requests": 5},
    },
)


def drawn() -> Graph:
    return graph(data.project(), COUNTED, data.NOW)


def edge(caller: str, callee: str) -> GraphEdge:
    return next(one for one in drawn().edges if (one.caller, one.callee) == (caller, callee))


def test_nodes_are_the_gateway_the_services_and_hosts_outside_that_are_called() -> None:
    nodes = [(node.name, node.kind, node.replicas) for node in drawn().nodes]

    assert nodes == [
        ("gateway", "gateway", 1),
        ("storefront", "service", 1),
        ("orders", "service", 1),
        ("steamer", "service", 2),
        ("api.example", "external", 0),
    ]


def test_edges_are_the_declared_and_the_observed_ones() -> None:
    assert [(one.caller, one.callee, one.declared) for one in drawn().edges] == [
        ("gateway", "storefront", True),
        ("storefront", "orders", True),
        ("orders", "steamer", True),
        ("steamer", "orders", False),
        ("steamer", "api.example", False),
    ]


def test_an_edge_is_the_sum_of_its_versions_with_the_reasons_of_what_failed() -> None:
    found = edge("orders", "steamer")

    assert (found.requests_per_second, found.errors_per_second, found.error_ratio) == (4.0, 0.4, 0.1)
    assert found.versions == {"v1": 2.0, "v2": 2.0}
    assert found.reasons == {"503 UF upstream_reset{a.b}": 0.4}
    assert found.p99 is not None


def test_a_declared_edge_is_there_before_anything_was_read() -> None:
    empty = graph(data.project(), Counted(0.0, {}), data.NOW)

    assert [one.declared for one in empty.edges] == [True, True, True]
    assert empty.edges[0].requests_per_second == 0


def test_external_services_are_no_instances_of_ours() -> None:
    found = graph(data.project(), Counted(0.0, {}), data.NOW, external={"steamer"})

    assert [node.kind for node in found.nodes] == ["gateway", "service", "service", "external"]
