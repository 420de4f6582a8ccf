from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.tui.logfilter import log_filter
from sandbox.tui.logview import LogView
from sandbox.tui.viewport import Seen, Thumb, at_thumb, breaks, in_sight, thumb
from tests.fakes import data


def a_view(count: int, most: int = 1000) -> LogView:
    view = LogView(most)
    view.extend(data.log_line(text=f"{number}") for number in range(count))
    return view


def one(_: int) -> int:
    return 1


def numbers(rows: list[Seen]) -> list[int]:
    return [row.number for row in rows]


def test_following_shows_the_last_rows() -> None:
    assert numbers(in_sight(a_view(10), 0, 3, one)) == [7, 8, 9]


def test_few_lines_stand_at_the_top() -> None:
    assert numbers(in_sight(a_view(2), 0, 5, one)) == [0, 1]


def test_a_wrapped_line_is_cut_where_the_screen_begins() -> None:
    assert in_sight(a_view(3), 0, 4, lambda number: 2) == [Seen(1, 0), Seen(1, 1), Seen(2, 0), Seen(2, 1)]
    assert in_sight(a_view(3), 0, 3, lambda number: 2) == [Seen(1, 1), Seen(2, 0), Seen(2, 1)]


def test_paused_the_place_stays_while_lines_come() -> None:
    view = a_view(10)
    view.move(-5)
    before = in_sight(view, 3, 4, one)
    view.extend([data.log_line(text="new")] * 5)

    assert in_sight(view, 3, 4, one) == before == [Seen(number, 0) for number in (3, 4, 5, 6)]


def test_the_cursor_is_never_out_of_sight() -> None:
    view = a_view(20)
    view.move(-15)

    assert numbers(in_sight(view, 10, 4, one)) == [4, 5, 6, 7]
    assert numbers(in_sight(view, 0, 3, one)) == [2, 3, 4]


def test_only_wanted_lines_are_in_sight() -> None:
    view = a_view(100)
    view.want(log_filter("7"))

    assert numbers(in_sight(view, 0, 3, one)) == [79, 87, 97]
    assert len(view) == 19


@given(
    st.integers(0, 60), st.integers(1, 20), st.integers(-70, 5), st.integers(0, 70), st.integers(1, 5), st.booleans()
)
def test_whatever_one_does_the_screen_is_full_and_has_the_cursor(
    count: int, height: int, by: int, top: int, each: int, narrow: bool
) -> None:
    view = a_view(count, most=40)
    if narrow:
        view.want(log_filter("1"))
    view.move(by)
    rows = in_sight(view, top, height, lambda number: 1 + number % each)

    assert len(rows) <= height
    assert rows == sorted(rows)
    if len(view):
        assert view.cursor in numbers(rows)
        needed = sum(1 + view.number(index) % each for index in range(len(view)))
        assert len(rows) == min(height, needed)


# --- the scroll bar -----------------------------------------------------------------------------------------------


def test_the_bar_says_where_one_is() -> None:
    view = a_view(100)
    assert thumb(view, in_sight(view, 0, 10, one), 10) == Thumb(9, 1)
    view.move(-9999)
    assert thumb(view, in_sight(view, 0, 10, one), 10) == Thumb(0, 1)
    view.go(50)
    assert thumb(view, in_sight(view, 45, 10, one), 10) == Thumb(4, 1)


def test_where_all_is_in_sight_there_is_no_bar() -> None:
    assert thumb(a_view(0), [], 10) is None
    assert thumb(a_view(10), in_sight(a_view(10), 0, 10, one), 10) is None


def test_a_row_of_the_bar_stands_for_a_line_that_is_wanted() -> None:
    view = a_view(101)
    assert [at_thumb(view, row, 11) for row in (-3, 0, 5, 10, 99)] == [0, 0, 50, 100, 100]
    view.want(log_filter("7"))
    assert at_thumb(view, 0, 11) == 7 and at_thumb(view, 10, 11) == 97


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 300), st.integers(1, 5))
def test_the_bar_never_leaves_its_track(count: int, height: int, place: int, rows: int) -> None:
    view = a_view(count)
    view.go(place)
    found = thumb(view, in_sight(view, place, height, lambda number: rows), height)
    assert found is None or (found.top >= 0 and found.size >= 1 and found.top + found.size <= height)


def test_wide_characters_take_two_cells_of_a_row() -> None:
    assert breaks("", 4) == [0]
    assert breaks("abcdefgh", 4) == [0, 4]
    assert breaks("日月火水木", 4) == [0, 2, 4]
    assert breaks("日a月b火", 4) == [0, 2, 4]
    assert breaks("e\u0301e\u0301e\u0301", 2) == [0, 4]
