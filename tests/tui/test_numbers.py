from __future__ import annotations

from sandbox.control import InstanceUsage, Metric, MetricsAnswer, Series
from sandbox.tui.numbers import Trend, Used, reloads, shares, trends, used
from tests.fakes import data, scene


def usage(service: str, cpu: float, memory: int) -> InstanceUsage:
    return InstanceUsage(
        instance=f"{service}-v1-1",
        service=service,
        cpu=cpu,
        memory=memory,
        memory_limit=None,
        open_files=None,
        restarts=0,
    )


def test_trends_are_by_callee() -> None:
    answer = MetricsAnswer(
        start=0.0,
        step=5.0,
        series=(
            Series(metric=Metric.REQUESTS, labels={"callee": "orders"}, values=(1.0, 2.0)),
            Series(metric=Metric.REQUESTS, labels={}, values=(9.0,)),
        ),
    )

    assert trends(answer) == {"orders": Trend((1.0, 2.0))}


def test_what_instances_use_is_added_up() -> None:
    assert used([usage("a", 0.1, 5), usage("a", 0.2, 6), usage("b", 0.5, 1)])["b"] == Used(0.5, 1)
    assert used([usage("a", 0.25, 5), usage("a", 0.5, 6)]) == {"a": Used(0.75, 11)}


def test_shares_are_over_all_callers() -> None:
    assert shares(data.telemetry())["steamer"] == {"v1": 11.25, "v2": 1.25}
    assert shares(None) == {}


def test_the_newest_reload_counts() -> None:
    found = reloads(scene.events())

    assert (found["orders"].seconds, found["orders"].failed) == (0.34, False)
