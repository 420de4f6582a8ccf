"""`sandbox stat`, `top`, `edges`: tables for people, JSON and drawings for programs."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from sandbox.cli import edges, figures, stat, top
from sandbox.cli.main import main
from sandbox.cli.style import Style
from sandbox.control import (
    Edge,
    Graph,
    GraphEdge,
    GraphNode,
    InstanceUsage,
    Metric,
    MetricsAnswer,
    Series,
    Signals,
    TelemetrySnapshot,
)
from tests.cli.conftest import Place
from tests.fakes import data
from tests.fakes.control import FakeControl

PLAIN = Style(enabled=False)
BUSY = Signals(window=10.0, requests_per_second=1234.0, errors_per_second=12.34, p50=4.25, p99=1500.0)
IDLE = Signals(window=10.0, requests_per_second=0.0, errors_per_second=0.0, p50=None, p99=None)
SNAPSHOT = TelemetrySnapshot(
    at=data.NOW,
    services={"storefront": IDLE, "orders": BUSY},
    edges=(
        Edge(caller="gateway", callee="storefront", version="v1", signals=IDLE),
        Edge(caller="storefront", callee="orders", version="v1", signals=BUSY),
        Edge(caller="orders", callee="db", version="*", signals=IDLE),
    ),
)
GRAPH = Graph(
    at=data.NOW,
    nodes=(
        GraphNode(name="gateway", kind="gateway", ready=1, replicas=1),
        GraphNode(name="storefront", kind="service", ready=1, replicas=2),
        GraphNode(name="orders", kind="service", ready=1, replicas=1),
        GraphNode(name='api."x".example', kind="external", ready=0, replicas=0),
    ),
    edges=(
        GraphEdge(caller="gateway", callee="storefront", declared=True),
        GraphEdge(
            caller="storefront",
            callee="orders",
            declared=False,
            requests_per_second=20.0,
            errors_per_second=1.0,
            error_ratio=0.05,
            p50=3.0,
            p99=80.0,
            versions={"v1": 20.0},
            reasons={"503 UF upstream_reset": 0.7, "503 UF other": 0.1, "500 - via_upstream": 0.2, "429 RL x": 0.1},
        ),
        GraphEdge(caller="orders", callee='api."x".example', declared=False, requests_per_second=0.5, p50=1.0, p99=2.0),
    ),
)


def usage(name: str, *, cpu: float = 0.0, memory: int = 30 << 20, limit: int | None = None) -> InstanceUsage:
    return InstanceUsage(
        instance=name,
        service=name.split("-")[0],
        version="v1",
        cpu=cpu,
        memory=memory,
        memory_limit=limit,
        open_files=12,
        restarts=1,
    )


def test_the_golden_signals_of_services() -> None:
    status = data.project()

    assert stat.as_services(status, ("storefront", "orders", "steamer"), SNAPSHOT, PLAIN).splitlines() == [
        "SERVICE     READY  REQ/S  ERRORS  P50    P99",
        "storefront  1/1    0      -       -      -",
        "orders      1/1    1.2k   1.0%    4.2ms  1.5s",
        "steamer     2/2    0      -       -      -",
        "of the last 10 s",
    ]


def test_and_of_the_edges_that_lead_to_them() -> None:
    assert stat.as_edges(("orders", "db"), SNAPSHOT, PLAIN).splitlines() == [
        "FROM        TO      VERSION  REQ/S  ERRORS  P50    P99",
        "storefront  orders  v1       1.2k   1.0%    4.2ms  1.5s",
        "orders      db               0      -       -      -",
        "of the last 10 s",
    ]
    assert stat.as_edges(("steamer",), SNAPSHOT, PLAIN) == "nobody has called any of them yet\n"


def test_stat_as_json(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    control = FakeControl()
    control.snapshot = SNAPSHOT
    place.running(control=control)
    assert main(["stat", "orders", "-e", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert list(found["services"]) == ["orders"]
    assert found["services"]["orders"]["error_ratio"] == pytest.approx(0.01)
    assert [edge["caller"] for edge in found["edges"]] == ["storefront"]


def routed(
    metric: Metric, value: float | None, callee: str = "storefront", route: str = "storefront default"
) -> Series:
    return Series(metric=metric, labels={"callee": callee, "route": route}, values=(value,))


def test_stat_by_the_gateways_routes(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    control = FakeControl()
    place.running(control=control)
    control.metrics.answer = MetricsAnswer(
        start=data.NOW,
        step=10.0,
        series=(
            routed(Metric.REQUESTS, 8.0),
            routed(Metric.ERRORS, 2.0),
            routed(Metric.P50, 4.0),
            routed(Metric.P95, 80.0),
            routed(Metric.P99, 1500.0),
            routed(Metric.REQUESTS, 0.5, "", "unknown"),
        ),
    )

    assert main(["stat", "--routes"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "TO          ROUTE               REQ/S  ERRORS  P50    P95   P99",
        "-           unknown             0.5    0%      -      -     -",
        "storefront  storefront default  8      25%     4.0ms  80ms  1.5s",
        "of the last 10 s",
    ]
    assert main(["stat", "storefront", "-r", "-o", "json"]) == 0
    [route] = json.loads(capsys.readouterr().out)["routes"]
    assert (route["service"], route["error_ratio"], route["p95"]) == ("storefront", 0.25, 80.0)
    assert {(query.caller, query.by) for query in control.metrics.queries} == {("gateway", ("callee", "route"))}


def test_stat_by_routes_says_that_nothing_came(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.running(control=FakeControl())

    assert main(["stat", "--routes"]) == 0
    assert capsys.readouterr().out == "nothing came through the gateway in the last 10 s\n"


@pytest.mark.parametrize("command", ["stat", "top"])
def test_a_service_that_does_not_exist(command: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.running(control=FakeControl())
    assert main([command, "odrers"]) == 2

    assert "error: odrers: no such service\nhint: there are storefront, orders, steamer" in capsys.readouterr().err


def test_what_instances_use(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    control = FakeControl()
    control.metrics.used = (
        usage("storefront-v1-1", cpu=0.004),
        usage("orders-v1-1", cpu=1.5, memory=250 << 20, limit=256 << 20),
    )
    place.running(control=control)
    assert main(["top"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "INSTANCE         CPU   MEMORY  LIMIT  OF LIMIT  FILES  RESTARTS",
        "orders-v1-1      150%  250M    256M   98%       12     1",
        "storefront-v1-1  0.4%  30M                      12     1",
    ]


def test_instances_in_the_order_that_is_asked_for() -> None:
    found = [usage("a", cpu=1, memory=1), usage("b", cpu=2, memory=3), usage("c", cpu=3, memory=2)]

    assert ["".join(one.instance for one in top.in_order(found, by)) for by in ("name", "cpu", "memory")] == [
        "abc",
        "cba",
        "bca",
    ]


def test_before_anything_was_measured_that_is_said() -> None:
    assert "nothing has been measured yet" in top.as_table([], PLAIN)


def test_who_calls_whom() -> None:
    assert edges.as_table(GRAPH, PLAIN).splitlines() == [
        "FROM        TO               REQ/S  ERRORS  P50    P99    NOTE",
        "gateway     storefront       0      -       -      -",
        "storefront  orders           20     5.0%    3.0ms  80ms   undeclared, 503 UF, 500",
        'orders      api."x".example  0.5    0%      1.0ms  2.0ms  outside',
    ]


def test_only_what_nobody_declared() -> None:
    found = edges.only_undeclared(GRAPH)

    assert [(edge.caller, edge.callee) for edge in found.edges] == [
        ("storefront", "orders"),
        ("orders", 'api."x".example'),
    ]
    assert [node.name for node in found.nodes] == ["storefront", "orders", 'api."x".example']


def test_for_graphviz() -> None:
    assert edges.as_dot(GRAPH).splitlines()[3:] == [
        '  "gateway" [shape=ellipse]',
        '  "storefront"',
        '  "orders"',
        '  "api.\\"x\\".example" [style="rounded,dashed"]',
        '  "gateway" -> "storefront" [color=gray]',
        '  "storefront" -> "orders" [label="20/s, p99 80ms, 5.0% failed", color=red, style=dashed]',
        '  "orders" -> "api.\\"x\\".example" [label="0.5/s, p99 2.0ms", style=dashed]',
        "}",
    ]


def test_for_mermaid() -> None:
    assert edges.as_mermaid(GRAPH).splitlines() == [
        "flowchart LR",
        '  n0(["gateway"])',
        '  n1["storefront"]',
        '  n2["orders"]',
        '  n3{{"api.#quot;x#quot;.example"}}',
        "  n0 --> n1",
        '  n1 -.->|"20/s, p99 80ms, 5.0% failed"| n2',
        '  n2 -.->|"0.5/s, p99 2.0ms"| n3',
    ]


@pytest.mark.parametrize(("output", "begins"), [("svg", "<svg "), ("json", "{"), ("dot", "digraph"), ("table", "FROM")])
def test_each_output_of_edges(output: str, begins: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    control = FakeControl()
    control.metrics.now = GRAPH
    place.running(control=control)
    assert main(["edges", "-o", output]) == 0

    assert capsys.readouterr().out.startswith(begins)


def test_tables_fit_a_small_terminal() -> None:
    busy = replace(GRAPH.edges[1], caller="a-service-with-20-ch", callee="another-service-name")
    lines = edges.as_table(replace(GRAPH, edges=(busy,)), PLAIN).splitlines()

    assert max(map(len, lines)) <= 100
    assert max(map(len, stat.as_edges(("orders",), SNAPSHOT, PLAIN).splitlines())) <= 80


def test_colours_are_for_what_is_wrong() -> None:
    table = stat.as_services(data.project(), ("orders",), SNAPSHOT, Style(enabled=True))

    assert re.search("\x1b\\[31m1.0% *\x1b", table)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"),
        (0, "0"),
        (0.126, "0.13"),
        (9.994, "9.99"),
        (12.34, "12.3"),
        (340, "340"),
        (1234, "1.2k"),
        (5e4, "50k"),
    ],
)
def test_rates(value: float | None, said: str) -> None:
    assert figures.rate(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "-"), (0, "0%"), (0.0001, "<0.1%"), (0.003, "0.3%"), (0.5, "50%"), (1, "100%")]
)
def test_shares(value: float | None, said: str) -> None:
    assert figures.share(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "-"), (0.44, "0.4ms"), (12.4, "12ms"), (1500, "1.5s"), (125_000, "2m05s")]
)
def test_times(value: float | None, said: str) -> None:
    assert figures.milliseconds(value) == said


@pytest.mark.parametrize(("value", "said"), [(None, "-"), (512, "512B"), (1536, "1.5K"), (250 << 20, "250M")])
def test_sizes(value: int | None, said: str) -> None:
    assert figures.size(value) == said
