"""Aligned columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.cli.table import cut, display_width, render

texts = st.text(st.characters(exclude_categories=("C", "Z")), max_size=12)


def test_columns_line_up_and_empty_ones_go() -> None:
    table = render(("NAME", "NOTHING", "WHY"), [("orders", "", "slow"), ("a", "", "")])

    assert table == "NAME    WHY\norders  slow\na\n"


def test_without_rows_the_header_stays() -> None:
    assert render(("NAME", "WHY"), []) == "NAME  WHY\n"


def test_the_last_column_is_cut_to_the_terminal() -> None:
    table = render(("NAME", "WHY"), [("orders", "exit code 1, twice in a row")], width=20)

    assert table.splitlines()[1] == "orders  exit code 1…"


def test_colour_does_not_move_columns() -> None:
    rows = [("orders", "ok", "x"), ("a", "backoff", "y")]
    plain = render(("NAME", "STATUS", "WHY"), rows)
    painted = render(
        ("NAME", "STATUS", "WHY"), rows, paint=lambda column, text: f"<{text}>" if column == "STATUS" else text
    )

    assert painted.replace("<", "").replace(">", "") == plain


def test_wide_characters_take_two_cells() -> None:
    assert render(("A", "B"), [("面包", "x"), ("ab", "y")]).splitlines()[1:] == ["面包  x", "ab    y"]


@given(st.lists(st.tuples(texts, texts, texts), max_size=5), st.integers(min_value=1, max_value=30))
def test_the_last_column_starts_at_one_place(rows: list[tuple[str, str, str]], width: int) -> None:
    marked = [(first, second, "|" + third) for first, second, third in rows]
    lines = render(("A", "B", "|"), marked).splitlines()

    assert len({display_width(line[: line.rindex("|")]) for line in lines if line.count("|") == 1}) <= 1


@given(texts, st.integers(min_value=1, max_value=20))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert display_width(cut(text, width)) <= max(width, 1)
