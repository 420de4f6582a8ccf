"""As many traces as are wanted, whatever the load."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.telemetry.traces.sampler import Budget, Share


def run(share: Share, load: list[int], seed: int = 1) -> list[int]:
    """What is drawn of `load` requests a second, told in tenths."""
    draw, kept = random.Random(seed), []
    for second, requests in enumerate(load):
        came = 0
        for tenth in range(10):
            part = sum(draw.random() < share.now for _ in range(requests // 10))
            came += part
            share.count(part)
            share.step(second + tenth / 10)
        kept.append(came)
    return kept


@pytest.mark.parametrize("load", [100, 1000, 5000])
def test_it_settles_at_what_is_wanted(load: int) -> None:
    kept = run(Share(20.0), [load] * 30)
    assert 12 <= sum(kept[10:]) / 20 <= 30


def test_below_what_is_wanted_everything_is_kept() -> None:
    assert run(Share(20.0), [10] * 5) == [10] * 5


def test_a_burst_costs_a_moment_and_not_the_rest() -> None:
    kept = run(Share(20.0), [10] * 5 + [3000] * 10 + [10] * 20)
    assert sum(kept[5:15]) < 1000  # of 30,000
    assert kept[-1] == 10


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.floats(0.1, 100))
@settings(max_examples=50)
def test_a_share_stays_a_share(came: list[int], wanted: float) -> None:
    share = Share(wanted)
    for second, count in enumerate(came):
        share.count(count)
        share.step(float(second))
        assert 0 < share.now <= 1


def test_everything_and_nothing_do_not_move() -> None:
    for wanted, now in ((None, 1.0), (0.0, 0.0)):
        share = Share(wanted)
        share.count(10_000)
        assert not share.step(5.0)
        assert share.now == now


def test_what_is_wanted_may_change_at_any_time() -> None:
    share = Share(20.0)
    run(share, [5000] * 20)
    low = share.now
    assert low < 0.02
    share.want(200.0)
    assert share.now == pytest.approx(low * 10)
    share.want(None)
    assert share.now == 1.0
    share.want(0.0)
    assert share.now == 0.0
    share.want(5.0)
    assert share.now == 1.0


def test_a_clock_set_back_stops_nothing() -> None:
    share = Share(20.0)
    share.step(1000.0)
    share.step(10.0)
    share.count(500)
    assert share.step(11.0)


def test_a_budget_has_a_burst_and_then_its_rate() -> None:
    budget = Budget(100.0, 200.0)
    assert [budget.take(100, 0.0) for _ in range(3)] == [True, True, False]
    assert not budget.take(100, 0.5)
    assert budget.take(100, 1.0)
    assert not budget.take(300, 60.0)  # more than it ever holds
