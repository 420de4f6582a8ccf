"""Aligned columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.cli.table import display_width, render

texts = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="|"), max_size=12)


def test_columns_line_up_and_empty_ones_go() -> None:
    lines = render(("NAME", "NOTHING", "WHY"), [("orders", "", "slow"), ("a", "", "")])

    assert lines == ["NAME    WHY", "orders  slow", "a"]


def test_without_rows_the_header_stays() -> None:
    assert render(("NAME", "WHY"), []) == ["NAME  WHY"]


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
