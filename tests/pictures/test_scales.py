"""From values to words and places."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.pictures.scales import said, time_ticks, top_of

POSITIVE = st.floats(1e-6, 1e12)


@given(st.lists(POSITIVE | st.none(), min_size=1))
def test_the_top_is_round_and_over_everything(values: list[float | None]) -> None:
    top = top_of(values)
    known = [value for value in values if value is not None]
    assert all(value <= top * (1 + 1e-9) for value in known)
    if known:
        assert top <= max(known) * 10
        digit = top / 10 ** math.floor(math.log10(top) + 1e-9)
        assert min(abs(digit - step) for step in (1, 2, 5)) < 1e-6


@pytest.mark.parametrize("values", [[], [None], [0.0, 0.0], [math.inf]])
def test_nothing_has_a_top_too(values: list[float | None]) -> None:
    assert top_of(values) == 1.0


@given(st.floats(1, 2e9), st.floats(0.001, 86400), st.integers(1, 9))
def test_ticks_are_few_and_within(start: float, span: float, most: int) -> None:
    ticks = list(time_ticks(start, start + span, most))
    assert len(ticks) <= most + 1
    assert all(start <= tick <= start + span for tick in ticks)
    assert ticks == sorted(ticks)


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "ms", "–"),
        (0.0, "/s", "0/s"),
        (0.034, "/s", "0.034/s"),
        (12.34, "ms", "12.3 ms"),
        (240.4, "ms", "240 ms"),
        (2100.0, "ms", "2.1 s"),
        (1234.0, "/s", "1.2k/s"),
        (2000.0, "/s", "2k/s"),
        (45600.0, "", "46k"),
        (3.4, "%", "3.4 %"),
        (210 * 1024 * 1024, "B", "210 MB"),
        (512.0, "B", "512 B"),
    ],
)
def test_words(value: float | None, unit: str, words: str) -> None:
    assert said(value, unit) == words
