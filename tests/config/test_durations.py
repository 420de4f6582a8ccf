from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("500ms", 0.5), ("1m30s", 90), ("2h", 7200), ("1.5h", 5400), ("250us", 0.00025), ("0s", 0)],
)
def test_what_compose_writes(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1 s", "-1s", "1d", "1s1", "1e3s", "1s ", "١s", "999999999999h", "1..5s"]
)
def test_what_it_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(90, "1m30s"), (0.025, "25ms"), (0, "0s"), (3600, "1h")])
def test_how_it_writes(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, int(LONGEST * 1e6)))
def test_what_is_written_is_read_back(microseconds: int) -> None:
    seconds = microseconds / 1e6
    assert parse_duration(format_duration(seconds)) == seconds
