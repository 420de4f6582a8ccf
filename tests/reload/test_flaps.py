from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.reload.flaps import (
    AT_MOST,
    HOLD,
    HOLD_OF_CODE,
    IN_A_ROW,
    IN_A_ROW_OF_CODE,
    LONGEST_HOLD,
    WITHIN,
    Flaps,
    subject_of,
)


def saves(path: str, *moments: float, during: bool = False, flaps: Flaps | None = None) -> int:
    """Which of the saves makes the file held; 0: none."""
    flaps = flaps or Flaps()
    for number, moment in enumerate(moments, 1):
        flaps.reloads([path], moment, during=during)
        if flaps.due() is not None:
            return number
    return 0


def a_loop() -> Flaps:
    """state.json is held since 4.0."""
    flaps = Flaps()
    saves("state.json", 0.0, 1.0, 2.0, 3.0, 4.0, flaps=flaps)
    return flaps


def test_the_same_file_after_every_reload_is_held() -> None:
    flaps = Flaps()
    assert saves("state.json", 0.0, 1.2, 2.5, 3.7, 5.0, 6.1, flaps=flaps) == IN_A_ROW
    assert flaps.held("state.json", 6.0)
    assert not flaps.held("app.py", 6.0)


@pytest.mark.parametrize("pause", [0.05, 1.0, 3.0])
def test_code_is_saved_again_and_again_by_people(pause: float) -> None:
    assert saves("app.py", *(number * pause for number in range(100))) == 0


def test_code_that_changes_during_each_reload_is_generated_by_it() -> None:
    often = [number * 1.1 for number in range(IN_A_ROW_OF_CODE + 3)]
    assert saves("orders_pb2.py", *often, during=True) == IN_A_ROW_OF_CODE


def test_it_is_let_go_when_it_was_quiet() -> None:
    flaps = a_loop()
    assert flaps.held("state.json", 9.0)
    assert flaps.due() == 9.0 + HOLD
    assert flaps.let_go(18.9) == ()
    assert flaps.let_go(19.0) == ("state.json",)
    assert flaps.due() is None


def test_what_is_never_quiet_is_let_go_all_the_same() -> None:
    flaps = a_loop()
    for number in range(200):
        assert flaps.held("state.json", 4.0 + number)
    assert flaps.due() == 4.0 + AT_MOST * HOLD


def test_what_goes_on_is_held_for_twice_as_long() -> None:
    flaps = a_loop()
    flaps.let_go(14.0)
    flaps.reloads(["state.json"], 14.01)
    assert flaps.held("state.json", 15.1)
    assert flaps.due() == pytest.approx(15.1 + 2 * HOLD)


@given(st.integers(1, 40))
def test_a_steady_loop_reloads_ever_less_often(rounds: int) -> None:
    flaps, now, pauses = a_loop(), 4.0, list[float]()
    for _ in range(rounds):
        due = flaps.due()
        assert due is not None
        pauses.append(due - now)
        now = due
        assert flaps.let_go(now) == ("state.json",)
        flaps.reloads(["state.json"], now)
        now += 1.0
        assert flaps.held("state.json", now)
    assert pauses == sorted(pauses)
    assert pauses[-1] == min(LONGEST_HOLD, HOLD * 2 ** (rounds - 1))


@pytest.mark.parametrize("at", [18.0, 90.0])
def test_what_comes_at_another_time_is_somebodys_save(at: float) -> None:
    """The loop's pause was a second."""
    flaps = a_loop()
    flaps.let_go(14.0)
    flaps.reloads(["state.json"], 14.0)
    assert not flaps.held("state.json", at)


def test_code_that_is_saved_while_nothing_reloads_is_saved_by_a_person() -> None:
    flaps = Flaps()
    saves("app.py", *(number * 0.1 for number in range(IN_A_ROW_OF_CODE)), during=True, flaps=flaps)
    assert flaps.let_go(2.4 + HOLD_OF_CODE) == ("app.py",)
    flaps.reloads(["app.py"], 4.5)
    assert not flaps.held("app.py", 5.0)
    assert flaps.held("app.py", 5.0, during=True)


def test_a_person_is_told_of_data_at_once_and_of_code_when_it_goes_on() -> None:
    assert list(a_loop().standing(5.0)) == ["state.json"]

    flaps = Flaps()
    saves("gen.py", *(float(number) for number in range(IN_A_ROW_OF_CODE)), during=True, flaps=flaps)
    assert list(flaps.standing(24.0)) == []
    flaps.let_go(30.0)
    flaps.reloads(["gen.py"], 30.0)
    assert flaps.held("gen.py", 31.0, during=True)
    assert list(flaps.standing(31.0)) == ["gen.py"]


def test_it_stands_until_a_reload_is_not_followed_by_another_change() -> None:
    flaps = a_loop()
    flaps.let_go(14.0)
    flaps.reloads(["state.json"], 14.0)
    assert list(flaps.standing(14.0 + WITHIN)) == ["state.json"]
    assert list(flaps.standing(14.1 + WITHIN)) == []


def test_a_reload_by_hand_applies_it_and_what_follows_is_still_the_loop() -> None:
    flaps = a_loop()
    assert flaps.let_all_go(6.0) == ("state.json",)
    assert flaps.due() is None
    assert flaps.held("state.json", 7.0)


def test_rules_that_change_let_it_go() -> None:
    flaps = a_loop()
    assert flaps.let_all_go(4.1) == ("state.json",)
    flaps.forget()
    assert not flaps.held("state.json", 4.5)


def test_what_is_ignored_from_now_on_is_forgotten() -> None:
    flaps = a_loop()
    assert flaps.drop(lambda subject: subject == "other.json") == ()
    assert flaps.drop(lambda subject: subject == "state.json") == ("state.json",)
    assert (flaps.due(), list(flaps.standing(5.0))) == (None, [])


def test_a_person_saves_at_odd_moments() -> None:
    assert saves("menu.json", 0.0, 2.0, 3.1, 9.0, 11.0, 19.0, 19.8) == 0


def test_seldom_is_not_a_loop() -> None:
    assert saves("state.json", *(number * 60.0 for number in range(20))) == 0


@given(st.floats(0.05, 19.0), st.integers(IN_A_ROW, 20))
def test_a_steady_timer_never_gets_further(pause: float, rounds: int) -> None:
    flaps, reloads = Flaps(), 0
    for number in range(rounds):
        if not flaps.held("state.json", number * pause):
            flaps.reloads(["state.json"], number * pause)
            reloads += 1
    assert reloads == IN_A_ROW


@given(st.lists(st.tuples(st.floats(0.01, 30.0), st.booleans(), st.booleans()), max_size=200), st.booleans())
def test_a_save_is_either_told_or_let_go_later(steps: list[tuple[float, bool, bool]], code: bool) -> None:
    """Whatever the moments: what is held comes out again."""
    subject, flaps, now, owed = "gen.py" if code else "state.json", Flaps(), 0.0, False
    for pause, during, _ in steps:
        now += pause
        if (due := flaps.due()) is not None and due <= now:
            owed = owed and subject not in flaps.let_go(due)
            flaps.reloads([subject], due)
        if flaps.held(subject, now, during=during):
            owed = True
        else:
            flaps.reloads([subject], now, during=during)
    assert not owed or flaps.due() is not None


def test_only_so_many_files_are_remembered() -> None:
    flaps = Flaps()
    for moment in range(9):
        flaps.reloads([f"{number}" for number in range(1000)], float(moment))
    assert not flaps.held("0", 9.0)


@pytest.mark.parametrize(
    ("path", "is_new", "subject"),
    [
        ("/a/run/17.json", True, "/a/run/*.json"),
        ("/a/run/17.json", False, "/a/run/17.json"),
        ("/a/run/17", True, "/a/run/*"),
        ("/a/new.py", True, "/a/new.py"),
    ],
)
def test_files_that_always_have_another_name_count_as_one(path: str, is_new: bool, subject: str) -> None:
    assert subject_of(path, is_new=is_new) == subject
