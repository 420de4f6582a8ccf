from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.tui.plot import area, ceiling, column_of, line, resampled, spark, stretched

VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=300)


def test_a_spark_reaches_from_the_lowest_to_the_highest_step() -> None:
    assert spark((0.0, 5.0, 10.0), 3) == "▁▅█"


def test_a_gap_stays_a_gap_and_few_values_stand_at_the_right() -> None:
    assert spark((1.0, None, 1.0), 6) == "   █ █"


def test_no_peak_is_lost_where_there_is_no_room() -> None:
    assert resampled((0.0, 0.0, 9.0, 0.0, 0.0, 1.0), 2) == [9.0, 1.0]


@pytest.mark.parametrize(
    ("greatest", "top"),
    [
        (0.0, 0.0),
        (5e-324, 0.0),
        (float("inf"), 0.0),
        (7.2, 8.0),
        (10.0, 10.0),
        (11.0, 15.0),
        (0.03, 0.03),
        (1234.0, 1500.0),
    ],
)
def test_a_scale_ends_at_a_round_number(greatest: float, top: float) -> None:
    assert ceiling(greatest) == pytest.approx(top)


@given(st.floats(1e-6, 1e9))
def test_a_scale_is_never_too_short_and_never_twice_too_long(greatest: float) -> None:
    assert greatest * (1 - 1e-6) <= ceiling(greatest) <= greatest * 2 + 1e-12


def test_an_area_is_filled_from_below() -> None:
    assert area((0.0, 1.0), 1, 2, 1.0) == ["⢸", "⣸"]


def test_a_line_is_joined_where_it_jumps() -> None:
    assert line((0.0, 0.0, 1.0, 1.0), 2, 2, 1.0) == [" ⡏", "⣀⠇"]


def test_where_nothing_is_known_nothing_is_drawn() -> None:
    assert area((None, None), 2, 1, 1.0) == ["  "]
    assert area((), 3, 1, 1.0) == ["   "]


@given(VALUES, st.integers(1, 80), st.integers(1, 12))
def test_pictures_have_exactly_the_size_asked_for(values: list[float | None], width: int, height: int) -> None:
    for picture in (area, line):
        found = picture(values, width, height, 1e6)
        assert [len(row) for row in found] == [width] * height
    assert len(spark(values, width)) == width
    assert len(stretched(values, width)) == width


def test_a_moment_lies_where_its_time_is() -> None:
    assert [column_of(at, 100.0, 200.0, 10) for at in (100.0, 149.0, 200.0, 99.0, 201.0)] == [0, 4, 9, None, None]
