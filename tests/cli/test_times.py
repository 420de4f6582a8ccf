"""Times as people type and read them."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cli.times import age, duration, moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("2m", 120), ("1m30s", 90), ("1.5h", 5400), ("7", 7)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-3s", "3 s", "s", "1w", "30s5", "9" * 400])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="30s or 1m30s"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("5m", 700.0),
        ("1h", 0.0),
        ("1960-01-01", 0.0),
        ("2026-01-01T00:00:00Z", 1_767_225_600.0),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600.0),
    ],
)
def test_moments(text: str, at: float) -> None:
    assert moment(text, now=1000.0) == at


@pytest.mark.parametrize("text", ["yesterday", "12:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="say how long ago"):
        moment(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (42.9, "42s"),
        (60, "1m"),
        (185, "3m 5s"),
        (7800, "2h 10m"),
        (356_400, "4d 3h"),
        (86_405, "1d"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


@given(st.integers(min_value=0, max_value=10**8))
def test_an_age_reads_back_within_its_smaller_unit(seconds: int) -> None:
    sizes = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    again = sum(int(part[:-1]) * sizes[part[-1]] for part in age(seconds).split())

    assert again <= seconds < again + 3_600
    assert age(again) == age(seconds)
