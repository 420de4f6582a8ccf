from __future__ import annotations

import json
import re

import pytest

from sandbox.proxy.names import ClusterName
from sandbox.telemetry.histogram import Histogram
from sandbox.telemetry.signals import Counters, EdgeKey
from sandbox.telemetry.stats import FILTER, edge_of, read_stats

ORDERS = EdgeKey("store", "orders", "v1")


def answer(**values: int) -> bytes:
    return json.dumps({"stats": [{"name": name, "value": value} for name, value in values.items()]}).encode()


def stat(cluster: ClusterName, metric: str) -> str:
    return f"cluster.{cluster}.{metric}"


@pytest.mark.parametrize(
    ("cluster", "edge"),
    [
        (ClusterName("store", "orders", "v1", 8000), ORDERS),
        (ClusterName("gateway", "my-shop", "2.0", 80), EdgeKey("gateway", "my-shop", "2.0")),
        (ClusterName(None, "orders", "v2", 8000), EdgeKey("undeclared", "orders", "v2")),
        (ClusterName("store", "db", "*", 5432), EdgeKey("store", "db", "*")),
    ],
)
def test_clusters_are_found_by_the_names_that_the_proxy_gives_them(cluster: ClusterName, edge: EdgeKey) -> None:
    assert edge_of(stat(cluster, "upstream_rq_time")) == (edge, "upstream_rq_time")


@pytest.mark.parametrize("name", ["", "cluster.outside.upstream_rq_5xx", "cluster.control-plane.upstream_rq_total"])
def test_other_clusters_are_left_alone(name: str) -> None:
    assert edge_of(name) is None


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("cluster.edge|store|orders|v1|8000.upstream_rq_completed", True),
        ("cluster.undeclared|orders|2.0|8000.upstream_rq_5xx", True),
        ("cluster.edge|store|db|*|5432.upstream_rq_total", True),
        ("cluster.edge|store|db|*|5432.upstream_cx_none_healthy", True),
        ("cluster.edge|store|db|*|5432.upstream_cx_total", False),
        ("cluster.edge|store|orders|v1|8000.upstream_rq_total", False),
        ("cluster.edge|store|orders|v1|8000.upstream_rq_503", False),
        ("cluster.edge|store|orders|v1|8000.external.upstream_rq_completed_total", False),
        ("cluster.outside.upstream_rq_5xx", False),
    ],
)
def test_what_envoy_is_asked_for(name: str, chosen: bool) -> None:
    assert bool(re.search(FILTER, name)) is chosen


def test_ports_of_one_callee_count_together() -> None:
    body = answer(
        **{
            "cluster.edge|store|orders|v1|8000.upstream_rq_completed": 7,
            "cluster.edge|store|orders|v1|8000.upstream_rq_5xx": 2,
            "cluster.edge|store|orders|v1|9000.upstream_rq_completed": 3,
        }
    )
    assert read_stats(body) == {ORDERS: Counters(10, 2)}


def test_a_tcp_service_counts_connections() -> None:
    body = answer(
        **{
            "cluster.edge|store|db|*|5432.upstream_rq_total": 5,
            "cluster.edge|store|db|*|5432.upstream_cx_connect_attempts_exceeded": 2,
            "cluster.edge|store|db|*|5432.upstream_cx_none_healthy": 1,
        }
    )
    assert read_stats(body) == {EdgeKey("store", "db", "*"): Counters(8, 3)}


def test_histograms() -> None:
    buckets = [
        {"upper_bound": 0.5, "interval": 1, "cumulative": 3},
        {"upper_bound": 3e05, "interval": 1, "cumulative": 4},
    ]
    name = "cluster.edge|store|orders|v1|8000.upstream_rq_time"
    body = json.dumps({"stats": [{"histograms": [{"name": name, "buckets": buckets}]}]}).encode()

    assert read_stats(body) == {ORDERS: Counters(latency=Histogram((0.5, 300_000.0), (3, 4)))}


@pytest.mark.parametrize("body", [b"", b"no healthy upstream", b"[]", b'{"stats": [{"name": 5}]}'])
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not Envoy's statistics"):
        read_stats(body)
