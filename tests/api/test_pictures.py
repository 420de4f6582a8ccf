"""Pictures for the page: drawn from the same answers that everything else gets."""

from __future__ import annotations

from dataclasses import replace

from sandbox.control import Graph, GraphEdge, GraphNode, Metric, Series
from tests.api.doors import Doors
from tests.fakes import data
from tests.fakes.control import FakeControl


async def test_the_graph(doors: Doors, control: FakeControl) -> None:
    nodes = tuple(GraphNode(name=name, kind="service", ready=1, replicas=1) for name in ("orders", "pantry"))
    edge = GraphEdge(caller="orders", callee="pantry", declared=True, requests_per_second=12.5)
    control.metrics.now = Graph(at=data.NOW, nodes=nodes, edges=(edge,))
    svg = (await doors.ask("GET", "/api/graph.svg")).json["svg"]
    assert svg.startswith("<svg ") and ">12.5/s<" in svg
    assert "style" not in svg  # which the page's policy forbids


async def test_the_charts_of_a_service(doors: Doors, control: FakeControl) -> None:
    series = Series(metric=Metric.REQUESTS, labels={}, values=(1.0, 2.5))
    control.metrics.answer = replace(control.metrics.answer, series=(series,))
    (chart,) = (await doors.ask("GET", "/api/charts/orders")).json["charts"]
    assert ">all 2.5/s<" in chart
    assert control.metrics.queries[-1].callee == "orders"


async def test_a_service_that_is_not_there(doors: Doors) -> None:
    assert (await doors.ask("GET", "/api/charts/oders")).code == "not_found"
