"""Aligned columns."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.cli.table import display_width, fitted, render

texts = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="|"), max_size=12)


def test_columns_line_up_and_empty_ones_go() -> None:
    lines = render(("NAME", "NOTHING", "WHY"), [("orders", "", "slow"), ("a", "", "")])

    assert lines == ["NAME    WHY", "orders  slow", "a"]


def test_without_rows_the_header_stays() -> None:
    assert render(("NAME", "WHY"), []) == ["NAME  WHY"]


def test_what_is_too_wide_is_broken_into_lines() -> None:
    rows = [("1", "what changed, in many words", "because of it"), ("2", "little", "")]

    assert fitted(("N", "WHAT", "WHY"), rows, 32, ("WHAT", "WHY")) == [
        "N  WHAT           WHY",
        "1  what changed,  because of it",
        "   in many words",
        "2  little",
    ]
    assert fitted(("N", "WHAT", "WHY"), rows, 0, ("WHAT", "WHY")) == render(("N", "WHAT", "WHY"), rows)


words = st.lists(st.sampled_from(("a", "of", "bun", "steamer")), max_size=20).map(" ".join)


@example([("a", "a a a a a of bun steamer steamer")], 40)  # the title of a column is the widest of it
@given(st.lists(st.tuples(words, words), min_size=1, max_size=4), st.integers(40, 90))
def test_it_fits_and_says_the_same(rows: list[tuple[str, str]], width: int) -> None:
    lines = fitted(("N", "WHAT", "WHY"), [("1", *row) for row in rows], width, ("WHAT", "WHY"))

    assert max(map(len, lines)) <= width
    assert sorted(" ".join(lines[1:]).split()) == sorted(" ".join(f"1 {what} {why}" for what, why in rows).split())


def test_colour_does_not_move_columns() -> None:
    rows = [("orders", "ok", "x"), ("a", "backoff", "y")]
    painted = render(("NAME", "STATUS", "WHY"), rows, lambda column, text: f"<{text}>" if column == "STATUS" else text)

    assert painted == ["NAME    STATUS   WHY", "orders  <ok     >  x", "a       <backoff>  y"]


def test_wide_characters_take_two_cells() -> None:
    assert render(("A", "B"), [("面包", "x"), ("ab", "y")]) == ["A     B", "面包  x", "ab    y"]


@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_a_column_starts_at_one_place(rows: list[tuple[str, str]]) -> None:
    lines = render(("A", "B", "|"), [(*row, "|") for row in rows])

    assert len({display_width(line.partition("|")[0]) for line in lines[1:]}) <= 1
