from __future__ import annotations

import json
import re

import pytest

from sandbox.proxy.names import ClusterName
from sandbox.telemetry.columns import EdgeKey
from sandbox.telemetry.stats import FILTER, edge_of, read_stats

ORDERS = EdgeKey("store", "orders", "v1")


def answer(**values: int) -> bytes:
    return json.dumps({"stats": [{"name": name, "value": value} for name, value in values.items()]}).encode()


@pytest.mark.parametrize(
    ("cluster", "edge"),
    [
        (ClusterName("store", "orders", "v1", 8000), ORDERS),
        (ClusterName("gateway", "my-shop", "2.0", 80), EdgeKey("gateway", "my-shop", "2.0")),
        (ClusterName(None, "orders", "*", 8000), EdgeKey("undeclared", "orders", "*")),
        (ClusterName("store", "db", "*", 5432), EdgeKey("store", "db", "*")),
        (ClusterName("store", "orders", "v1", 8000, guarded=True), ORDERS),
    ],
)
def test_clusters_are_found_by_the_names_that_the_proxy_gives_them(cluster: ClusterName, edge: EdgeKey) -> None:
    assert edge_of(f"cluster.{cluster}".rpartition("|")[0]) == edge


@pytest.mark.parametrize("name", ["", "cluster.outside", "cluster.control-plane", "cluster.relay|otlp"])
def test_other_clusters_are_left_alone(name: str) -> None:
    assert edge_of(name) is None


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("cluster.edge|store|orders|v1|8000.upstream_rq_completed", True),
        ("cluster.edge|store|orders|2.0|8000.upstream_rq_503", True),
        ("cluster.edge|store|orders|v1|8000.outlier_detection.ejections_active", True),
        ("cluster.edge|store|db|*|5432.upstream_rq_total", True),
        ("cluster.edge|store|db|*|5432.upstream_cx_none_healthy", True),
        ("cluster.undeclared|db|*|5432.upstream_rq_total", True),
        ("outcome.n.c.outside.r.503.f.DF.x.-.s.1.d.dns_resolution_failure{x.y}", True),
        ("outcome.t.f.UT.c.edge|store|orders|v1|8000.s.x", True),
        ("outcome.t.f.DC,UT.c.edge|store|orders|v1|8000.s.x", True),
        ("outcome.t.f.UF.c.edge|store|orders|v1|8000.s.x", False),
        ("http.inbound.fault.store|orders.delays_injected", True),
        ("cluster.inbound|orders|v1|8000.outlier_detection.ejections_active", True),
        ("cluster.inbound|orders|v1|8000.upstream_rq_completed", False),
        ("cluster.undeclared|orders|2.0|8000.upstream_rq_5xx", False),
        ("cluster.edge|store|db|*|5432.upstream_cx_total", False),
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
            "cluster.edge|store|orders|v1|8000.upstream_rq_503": 2,
            "cluster.edge|store|orders|v1|8000.upstream_rq_active": 1,
            "cluster.edge|store|orders|v1|9000.upstream_rq_completed": 3,
            "cluster.edge|store|orders|v1|9000.upstream_rq_active": 4,
        }
    )
    reading = read_stats(body, {})

    assert reading.counters == {ORDERS: {"requests": 10, "errors": 2, "code.503": 2}}
    assert reading.gauges == {ORDERS: {"active": 5}}


def test_a_tcp_service_counts_connections() -> None:
    body = answer(
        **{
            "cluster.edge|store|db|*|5432.upstream_rq_total": 5,
            "cluster.edge|store|db|*|5432.upstream_cx_connect_attempts_exceeded": 2,
            "cluster.edge|store|db|*|5432.upstream_cx_none_healthy": 1,
        }
    )
    counted = {"requests": 8, "errors": 3, "connect_failures": 2, "no_healthy": 1}

    assert read_stats(body, {}).counters == {EdgeKey("store", "db", "*"): counted}


def test_histograms_are_counted_by_bucket() -> None:
    buckets = [
        {"upper_bound": 0.5, "interval": 1, "cumulative": 3},
        {"upper_bound": 1, "interval": 1, "cumulative": 3},
        {"upper_bound": 3e05, "interval": 1, "cumulative": 4},
    ]
    name = "cluster.edge|store|orders|v1|8000.upstream_rq_time"
    body = json.dumps({"stats": [{"histograms": [{"name": name, "buckets": buckets}]}]}).encode()

    assert read_stats(body, {}).counters == {ORDERS: {"le.0.5": 3, "le.300000": 1}}


@pytest.mark.parametrize("body", [b"", b"no healthy upstream", b"[]", b'{"stats": [{"name": 5}]}'])
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not Envoy's statistics"):
        read_stats(body, {})
