from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.telemetry.histogram import Histogram, merge

BOUNDS = (1.0, 2.0, 5.0, 10.0, 100.0)

values = st.lists(st.floats(0.01, 100.0), max_size=60)


def histogram(*found: float) -> Histogram:
    return Histogram(BOUNDS, tuple(sum(value <= bound for value in found) for bound in BOUNDS))


def exact(found: list[float], share: float) -> float:
    return sorted(found)[max(0, math.ceil(share * len(found)) - 1)]


def bucket(value: float) -> int:
    return next(index for index, bound in enumerate(BOUNDS) if value <= bound)


def test_nothing_counted_has_no_quantiles() -> None:
    assert Histogram().quantile(0.5) is None
    assert histogram().quantile(0.99) is None


def test_values_are_taken_to_be_spread_evenly_within_their_bucket() -> None:
    four = histogram(6, 7, 8, 9)

    assert [four.quantile(share) for share in (0.25, 0.5, 1.0)] == [6.25, 7.5, 10.0]


@given(values.filter(bool), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_exact_one(found: list[float], share: float) -> None:
    estimate = histogram(*found).quantile(share)

    assert estimate is not None
    assert bucket(estimate) == bucket(exact(found, share))


@given(values, values)
def test_merging_counts_both(first: list[float], second: list[float]) -> None:
    assert merge([histogram(*first), histogram(*second)]).total == len(first) + len(second)
    if first and second:
        assert histogram(*first).plus(histogram(*second)) == histogram(*first, *second)


@given(values, values.filter(bool))
def test_the_difference_is_what_was_added(before: list[float], added: list[float]) -> None:
    assert histogram(*before, *added).since(histogram(*before)) == histogram(*added)


def test_the_slow_tail_of_one_part_shows_in_the_whole() -> None:
    """An average of the parts' quantiles would say 50 ms."""
    fast, slow = histogram(*[0.5] * 990), histogram(*[90.0] * 10)

    assert merge([fast, slow]).quantile(0.5) == pytest.approx(0.5, abs=0.1)
    assert merge([fast, slow]).quantile(0.995) == pytest.approx(55.0)


def test_counting_that_began_anew_is_all_new() -> None:
    assert histogram(3.0).since(histogram(3.0, 4.0)) == histogram(3.0)


def test_other_bounds_are_a_new_counting() -> None:
    coarse = Histogram((50.0,), (9,))

    assert coarse.since(histogram(3.0)) == coarse
    assert coarse.plus(histogram(3.0)) == coarse
