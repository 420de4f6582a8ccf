from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.reload.flaps import IN_A_ROW, IN_A_ROW_OF_CODE, QUIET, Flaps


def saves(path: str, *moments: float, during: bool = False, flaps: Flaps | None = None) -> int:
    """Which of the saves makes the file held; 0: none."""
    flaps = flaps or Flaps()
    for number, moment in enumerate(moments, 1):
        if flaps.reloads([path], moment, during=during):
            return number
    return 0


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
    flaps = Flaps()
    saves("state.json", 0.0, 1.0, 2.0, 3.0, 4.0, flaps=flaps)
    assert flaps.held("state.json", 50.0)
    assert flaps.held("state.json", 50.0 + QUIET)
    assert not flaps.held("state.json", 51.0 + 2 * QUIET)


def test_rules_that_change_let_it_go() -> None:
    flaps = Flaps()
    saves("state.json", 0.0, 1.0, 2.0, 3.0, 4.0, flaps=flaps)
    flaps.forget()
    assert not flaps.held("state.json", 4.5)


def test_a_person_saves_at_odd_moments() -> None:
    assert saves("menu.json", 0.0, 2.0, 3.1, 9.0, 11.0, 19.0, 19.8) == 0


def test_seldom_is_not_a_loop() -> None:
    assert saves("state.json", *(number * 60.0 for number in range(20))) == 0


@given(st.floats(0.05, 19.0), st.integers(IN_A_ROW, 20))
def test_a_steady_loop_never_gets_further(pause: float, rounds: int) -> None:
    flaps, reloads = Flaps(), 0
    for number in range(rounds):
        if not flaps.held("state.json", number * pause):
            flaps.reloads(["state.json"], number * pause)
            reloads += 1
    assert reloads == IN_A_ROW


def test_only_so_many_files_are_remembered() -> None:
    flaps = Flaps()
    for moment in range(9):
        flaps.reloads([f"{number}" for number in range(1000)], float(moment))
    assert not flaps.held("0", 9.0)
