from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.proxy.names import ClusterName, parse_cluster, parse_stat

words = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1)
clusters = st.builds(ClusterName, st.none() | words, words, words, st.integers(1, 65535))


def test_names_read_like_the_edge() -> None:
    assert str(ClusterName("storefront", "steamer", "v1", 8080)) == "edge|storefront|steamer|v1|8080"
    assert str(ClusterName(None, "steamer", "v1", 8080)) == "undeclared|steamer|v1|8080"
    assert ClusterName("storefront", "steamer", "v1", 8080).endpoints == "steamer|v1|8080"


@given(clusters)
def test_a_name_leads_back_to_its_edge(cluster: ClusterName) -> None:
    assert parse_cluster(str(cluster)) == cluster


@given(clusters)
def test_a_statistic_leads_back_to_its_edge(cluster: ClusterName) -> None:
    assert parse_stat(f"cluster.{cluster}.upstream_rq_total") == (cluster, "upstream_rq_total")


@pytest.mark.parametrize("stat", ["cluster.outside.upstream_rq_total", "server.uptime", "cluster.edge|a|b|v1|80", "x"])
def test_other_statistics_lead_nowhere(stat: str) -> None:
    assert parse_stat(stat) is None
