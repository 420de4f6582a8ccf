"""Conditions of alerts as people write them, and what is promised of services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.alertforms import format_condition, parse_condition
from sandbox.config.render import to_dict
from sandbox.control import Metric
from sandbox.model import AlertCondition, AlertRule, AlertSettings, Objectives
from tests.config.conftest import Folder

LATENCIES = ("p50", "p90", "p95", "p99")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("error_ratio(orders) > 5%", AlertCondition(metric="error_ratio", threshold=0.05, service="orders")),
        ("error_ratio > 0.5", AlertCondition(metric="error_ratio", threshold=0.5)),
        ("p99(a -> b)>1.5s", AlertCondition(metric="p99", threshold=1500, service="b", caller="a")),
        (
            "p50( gateway → b ) < 2ms",
            AlertCondition(metric="p50", threshold=2, service="b", caller="gateway", above=False),
        ),
        ("memory(*) > 1.5M", AlertCondition(metric="memory", threshold=1.5 * 1024 * 1024)),
        ("requests(b) < 10/s", AlertCondition(metric="requests", threshold=10, service="b", above=False)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, condition: AlertCondition) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(
    "text",
    ["", "p99", "p99(a)", "p99(a) = 1s", "p99(a) > 1", "error_ratio(a) > 101%", "cpu(a -> b) > 1", "p99(a -> *) > 1s"],
)
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_condition(text)


def conditions() -> st.SearchStrategy[AlertCondition]:
    names = st.sampled_from(("orders", "a-b", None))

    def of(metric: Metric) -> st.SearchStrategy[AlertCondition]:
        whole = metric in LATENCIES or metric in ("memory", "bytes_in", "bytes_out")
        top = 1 if metric is Metric.ERROR_RATIO else 10_000
        numbers = st.integers(1, top) if whole else st.integers(0, top * 1000).map(lambda n: n / 1000)
        return st.builds(
            AlertCondition,
            metric=st.just(str(metric)),
            threshold=numbers.map(float),
            above=st.booleans(),
            service=names,
        )

    return st.sampled_from(Metric).flatmap(of)


@given(conditions())
def test_what_is_printed_is_read_back(condition: AlertCondition) -> None:
    assert parse_condition(format_condition(condition)) == condition


def test_the_file_holds_rules_objectives_and_who_is_told(folder: Folder) -> None:
    text = """
        services:
          a: {build: ./a, ports: ["80"], objectives: {availability: 99.5%, latency: {p99: 300ms}}}
        alerts:
          rules: [{name: bad, when: errors(a) > 2, for: 5s, severity: critical}, {name: dull, when: cpu(a) > 1}]
          disable: [slow]
          notify: {webhook: "http://127.0.0.1:9/", command: [say, $$SANDBOX_ALERT_MESSAGE]}
    """
    project = folder.load(text)

    assert project.services["a"].objectives == Objectives(availability=0.995, latency={"p99": 0.3})
    assert project.alerts == AlertSettings(
        rules=(
            AlertRule(
                name="bad",
                condition=AlertCondition(metric="errors", threshold=2, service="a"),
                hold=5,
                severity="critical",
            ),
            AlertRule(name="dull", condition=AlertCondition(metric="cpu", threshold=1, service="a")),
        ),
        off=("slow",),
        webhook="http://127.0.0.1:9/",
        command=("say", "$SANDBOX_ALERT_MESSAGE"),
    )
    assert to_dict(project)["services"]["a"]["objectives"] == {"availability": "99.5%", "latency": {"p99": "300ms"}}
    assert to_dict(project)["alerts"]["rules"][0]["when"] == "errors(a) > 2"
