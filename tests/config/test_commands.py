from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.commands import SHELL, split_command


@pytest.mark.parametrize(
    "text",
    [
        "python app.py",
        "uvicorn app:app --port $PORT --host ${HOST}",
        "python -c 'print(1); print($X)'",
        'node -e "a(); b | c"',
        r"echo a\;b",
    ],
)
def test_plain_commands_need_no_shell(text: str) -> None:
    assert split_command(text) == tuple(shlex.split(text))


@pytest.mark.parametrize("text", ["run $HOME", 'run "$X"', "run > out", "ls *.py", "run `id`", "run --port $PORTAL"])
def test_a_simple_command_takes_the_shells_place(text: str) -> None:
    assert split_command(text) == (*SHELL, f"exec {text}")


@pytest.mark.parametrize("text", ["a && b", "a | b", "a; b", "A=1 run", "cd x\nrun", "(a)", "a &"])
def test_more_than_a_command_is_left_to_the_shell(text: str) -> None:
    assert split_command(text) == (*SHELL, text)


@pytest.mark.parametrize(("text", "reason"), [("", "is empty"), ("  ", "is empty"), ("a 'b", "a quote is not closed")])
def test_what_it_refuses(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        split_command(text)


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1
    )
)
def test_quoted_words_stay_the_same_words(words: list[str]) -> None:
    assert split_command(shlex.join(words)) == tuple(words)
