from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.reload import settle as times
from sandbox.reload.settle import Settle, Signature


def content(number: int, size: int = 10) -> Signature:
    return Signature(1, 1, number, size)


def test_a_plain_save_is_over_at_once() -> None:
    settle = Settle()
    settle.note("a.py", content(1), content(2), 100.0)

    assert settle.due() == 100.0 + times.PLAIN
    save = settle.take(100.01)
    assert save is not None
    assert (save.paths, save.first) == (("a.py",), 100.0)
    assert settle.due() is None


def test_a_file_that_is_gone_may_come_back() -> None:
    settle = Settle()
    settle.note("a.py", content(1), None, 100.0)
    assert settle.due() == 100.0 + times.GONE

    settle.note("a.py", None, content(2), 100.1)
    assert settle.due() is not None
    settle.writing("a.py", False)
    assert settle.due() == 100.1 + times.PLAIN


def test_an_empty_file_may_be_filled() -> None:
    settle = Settle()
    settle.note("a.py", content(1), content(2, size=0), 100.0)
    assert settle.due() == 100.0 + times.EMPTY


def test_a_file_that_somebody_writes_is_waited_for_but_not_for_ever() -> None:
    settle = Settle()
    settle.note("a.py", content(1), content(2), 100.0)
    settle.writing("a.py", True)
    assert settle.held_open
    assert settle.due() == 100.0 + times.WRITING

    for step in range(200):
        settle.note("a.py", content(2 + step), content(3 + step), 100.0 + step / 10)
    assert settle.due() == 100.0 + times.AT_MOST


def test_where_writers_are_unknown_a_growing_file_is_waited_for() -> None:
    settle = Settle()
    settle.note("a.py", content(1), content(2, 5), 100.0)
    settle.note("a.py", content(2, 5), content(3, 6), 100.008)
    settle.note("a.py", content(3, 6), content(4, 7), 100.108)
    due = settle.due()
    assert due is not None
    assert round(due, 6) == 100.308


def test_many_files_are_waited_for_together() -> None:
    settle = Settle()
    for number in range(times.STREAM_FROM):
        settle.note(f"{number}.py", content(1), content(2), 100.0)
    assert settle.due() == 100.0 + times.STREAM


def test_while_git_is_at_work_nothing_is_over() -> None:
    settle = Settle()
    settle.note("a.py", content(1), content(2), 100.0)
    assert settle.due(busy=True) == 100.0 + times.BUSY_AT_MOST


def test_a_file_that_comes_and_goes_is_nothing() -> None:
    settle = Settle()
    settle.note("tmp123", None, content(1), 100.0)
    settle.note("tmp123", content(1), None, 100.001)
    assert settle.take(101.0) is None


def test_a_formatter_is_learned_and_forgotten() -> None:
    settle = Settle()

    def save(at: float, size: int, number: int) -> float:
        settle.note("a.py", content(number), content(number + 1, size), at)
        settle.writing("a.py", False)
        due = settle.due()
        assert due is not None
        settle.take(due)
        return due - at

    assert round(save(100.0, 10, 1), 6) == times.PLAIN
    assert round(save(100.2, 12, 2), 6) == times.PLAIN  # it came again, and then nothing did
    assert round(save(200.0, 14, 3), 6) > 0.2
    for number in range(4):
        save(300.0 + number * 100, 14, number)
    assert round(save(900.0, 14, 9), 6) == times.PLAIN


@given(st.lists(st.floats(0.0, 0.4), max_size=50))
def test_who_saves_without_a_pause_is_no_formatter(pauses: list[float]) -> None:
    settle, now = Settle(), 100.0
    for number, pause in enumerate([*pauses, 5.0] if len(pauses) != 1 else []):
        settle.note("a.py", content(number), content(number + 1, number), now)
        settle.writing("a.py", False)
        due = settle.due()
        assert due is not None
        assert due - now <= times.EMPTY
        settle.take(due)
        now = due + pause


def test_what_does_not_fit_is_counted() -> None:
    settle = Settle()
    for number in range(times.LIMIT + 7):
        settle.note(f"{number}.py", None, content(1), 100.0)
    save = settle.take(101.0)
    assert save is not None
    assert (len(save.paths), save.more) == (times.LIMIT, 7)


FILES = st.sampled_from(["a", "b", "c"])
STATES = st.one_of(st.none(), st.builds(content, st.integers(0, 3), st.integers(0, 3)))


@given(st.lists(st.tuples(FILES, STATES, st.floats(0, 2))))
def test_what_was_told_leads_to_what_is_there(history: list[tuple[str, Signature | None, float]]) -> None:
    settle, now = Settle(), 1000.0
    there: dict[str, Signature | None] = {}
    told: dict[str, Signature | None] = {}

    def take(at: float) -> None:
        save = settle.take(at)
        told.update({path: there[path] for path in (save.paths if save else ())})

    for path, state, pause in history:
        if there.get(path) != state:
            settle.note(path, there.get(path), state, now)
            there[path] = state
        due = settle.due()
        assert due is None or due <= now + times.AT_MOST
        now += pause
        if due is not None and due <= now:
            take(due)
    take(now + times.AT_MOST)

    assert all(told.get(path) == state for path, state in there.items())
