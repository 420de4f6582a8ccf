from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from sandbox.control import Metric, MetricsQuery
from sandbox.telemetry import recorder as module
from sandbox.telemetry.columns import EdgeKey
from sandbox.telemetry.recorder import Recorder, Timeline
from sandbox.telemetry.signals import Step
from tests.proxy.mesh import eventually

ORDERS = EdgeKey("web", "orders", "v1")


class Clocks:
    """Both move together, until one is set."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.passed, self.epoch = 100.0, 1_767_225_600.0
        self.timeline = Timeline(self.said.append, lambda: self.passed, lambda: self.epoch)

    def pass_(self, seconds: float) -> None:
        self.passed += seconds
        self.epoch += seconds


def test_a_clock_that_is_corrected_a_little_moves_nothing() -> None:
    clocks = Clocks()
    for _ in range(20):
        clocks.pass_(10)
        clocks.epoch += 0.2

    assert clocks.timeline.epoch(clocks.passed) == pytest.approx(clocks.epoch, abs=4.1)
    assert clocks.said == []


@pytest.mark.parametrize(
    ("hours", "said"), [(3, "the clock was set forward by 10800 s"), (-2, "the clock was set back by 7200 s")]
)
def test_a_clock_that_is_set_is_followed_and_said_once(hours: int, said: str) -> None:
    clocks = Clocks()
    for _ in range(2):
        clocks.epoch += hours * 3600
        assert clocks.timeline.epoch(clocks.passed) == clocks.epoch

    assert [sentence.partition(";")[0] for sentence in clocks.said] == [said]


async def test_what_is_noted_can_be_asked_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "numbers.db", 1.0, print)
    await recorder.open()
    now = asyncio.get_running_loop().time()
    recorder.note(Step(now - 1, now, {ORDERS: {"requests": 7}}, {ORDERS: {"active": 2}}))

    found = await recorder.query(MetricsQuery(metrics=(Metric.REQUESTS, Metric.ACTIVE), step=1))
    await recorder.close()

    assert [[value for value in one.values if value is not None] for one in found.series] == [[7.0], [2.0]]


async def test_seconds_without_news_are_handed_over_together_and_at_once_when_asked_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "numbers.db", 1.0, print)
    await recorder.open()
    now = asyncio.get_running_loop().time() - 60
    busy, gauges = {ORDERS: {"requests": 7}}, {ORDERS: {"active": 2}}
    recorder.note(Step(now - 1, now, busy, gauges))
    for later in range(1, 4):
        recorder.note(Step(now + later - 1, now + later, {}, gauges))
    assert len(recorder._held) == 3

    found = await recorder.query(MetricsQuery(metrics=(Metric.REQUESTS, Metric.ACTIVE), step=1))
    assert [[value for value in one.values if value is not None] for one in found.series] == [
        [7.0, 0.0, 0.0, 0.0],
        [2.0, 2.0, 2.0, 2.0],
    ]
    for later in range(4, 14):
        recorder.note(Step(now + later - 1, now + later, {}, gauges))
    assert recorder._held == []
    recorder.note(Step(now + 13, now + 14, {}, gauges))
    await recorder.close()
    again = Recorder(tmp_path / "numbers.db", 1.0, print)
    await again.open()
    found = await again.query(MetricsQuery(metrics=(Metric.ACTIVE,), step=1))
    assert len([value for one in found.series for value in one.values if value is not None]) == 15
    await again.close()


async def test_a_disk_that_is_too_slow_costs_steps_not_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BEHIND", 3)
    said: list[str] = []
    gate = threading.Event()
    recorder = Recorder(tmp_path / "numbers.db", 1.0, said.append)
    await recorder.open()
    recorder._thread.submit(gate.wait)
    now = asyncio.get_running_loop().time()
    for number in range(10):
        recorder.note(Step(now - 1, now, {ORDERS: {"requests": number}}, {}))

    assert recorder.dropped == 7
    assert len(said) == 1
    gate.set()
    await eventually(lambda: recorder._behind == 0)
    await recorder.close()


async def test_before_it_is_open_and_after_it_is_closed_nothing_is_kept_and_nothing_breaks(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "numbers.db", 1.0, print)
    recorder.note(Step(0.0, 1.0, {}, {}))

    assert (await recorder.query(MetricsQuery(metrics=(Metric.REQUESTS,)))).series == ()
    await recorder.open()
    await recorder.close()
    recorder.note(Step(0.0, 1.0, {}, {}))
