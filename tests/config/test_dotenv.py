from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.dotenv import parse_env_file
from sandbox.config.tree import Problems


def values(text: str) -> dict[str, str | None]:
    problems = Problems()
    found = parse_env_file(text, ".env", {"HOST_NAME": "moon"}, problems)
    assert not problems, problems.all
    return {name: value for name, (value, _) in found.items()}


def test_lines_of_all_kinds() -> None:
    text = r"""
    # a comment
    A=1
    export B = two words   # and why
    C="a \"quoted\"\ttab" # why
    D='as $it is #1'
    E=
    F=no#comment
    G
    H=${A}-$HOST_NAME
    I="$A costs \$5"
    J=pa$5w0rd$
    K="first
second"
    A=last
    """
    assert values(text) == {
        "A": "last",
        "B": "two words",
        "C": 'a "quoted"\ttab',
        "D": "as $it is #1",
        "E": "",
        "F": "no#comment",
        "G": None,
        "H": "1-moon",
        "I": "1 costs $5",
        "J": "pa$5w0rd$",
        "K": "first\nsecond",
    }


def test_windows_line_ends() -> None:
    assert values("A=1\r\nB='x'\r\n\r\nC=\r\n") == {"A": "1", "B": "x", "C": ""}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A=1\n=2", '2:is not NAME=value: "=2"'),
        ("A=1\nB C=2", '2:is not NAME=value: "B C=2"'),
        ("A='x", "1:has a quote that is not closed, or text after it"),
        ('A="x" y', "1:has a quote that is not closed, or text after it"),
        ("\n\nA=$NOPE", "3:the variable NOPE is not set"),
        ("A='x\n\ny'\nB=$NOPE", "4:the variable NOPE is not set"),
    ],
)
def test_what_it_refuses(text: str, problem: str) -> None:
    problems = Problems()
    parse_env_file(text, ".env", {}, problems)
    assert [f"{found.location.line}:{found.message}" for found in problems.all] == [problem]


@given(st.text(alphabet="AB=$'\"# \\\n{}:-é\r\t"))
def test_any_text_ends(text: str) -> None:
    parse_env_file(text, ".env", {}, Problems())
