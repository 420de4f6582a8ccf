from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import LogLine
from sandbox.tui.logview import LogView
from tests.fakes import data


def lines(*numbers: int) -> list[LogLine]:
    return [data.log_line(text=str(number)) for number in numbers]


def under(view: LogView) -> str | None:
    line = view.line(view.cursor)
    return line.text if line else None


def test_an_empty_view_has_no_line() -> None:
    assert under(LogView()) is None


def test_it_follows_the_newest_line() -> None:
    view = LogView()
    view.extend(lines(1, 2))
    view.extend(lines(3))

    assert (under(view), view.following) == ("3", True)


def test_moving_up_stops_following_and_counts_what_is_missed() -> None:
    view = LogView()
    view.extend(lines(1, 2, 3))
    view.move(-1)
    view.extend(lines(4, 5))

    assert (under(view), view.following, view.unseen) == ("2", False, 2)


def test_reaching_the_end_follows_again() -> None:
    view = LogView()
    view.extend(lines(1, 2, 3))
    view.move(-2)
    view.move(1)
    assert not view.following

    view.move(1)
    view.extend(lines(4))

    assert (under(view), view.unseen) == ("4", 0)


def test_old_lines_go_and_a_reader_among_them_is_carried_along() -> None:
    view = LogView(most=3)
    view.extend(lines(1, 2, 3))
    view.move(-1)

    assert view.extend(lines(4)) == 1
    assert under(view) == "2"
    assert view.extend(lines(5, 6)) == 2
    assert (under(view), view.unseen) == ("4", 3)


def test_cleared_it_follows_from_the_start() -> None:
    view = LogView()
    view.extend(lines(1, 2))
    view.move(-1)
    view.clear()
    view.extend(lines(3))

    assert (len(view), under(view), view.following) == (1, "3", True)


@given(st.lists(st.one_of(st.integers(-30, 30), st.lists(st.integers(), max_size=12))))
def test_the_reader_always_stands_on_a_kept_line(steps: list[int | list[int]]) -> None:
    view = LogView(most=10)
    for step in steps:
        if isinstance(step, int):
            view.move(step)
        else:
            view.extend(lines(*step))
        assert len(view) <= 10
        assert (view.line(view.cursor) is not None) == (len(view) > 0)
        assert view.unseen >= 0
