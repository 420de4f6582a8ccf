"""What a newcomer meets on opening the sample apps."""

from __future__ import annotations

import ast
import difflib
import re
from pathlib import Path

import pytest

from tests.sample_apps.street import BAKERY, HELLO

FILES = [*sorted(BAKERY.rglob("*.py")), *sorted(HELLO.rglob("*.py"))]
PAGE = (BAKERY / "storefront" / "page.html").read_text()
SVG = "http://www.w3.org/2000/svg"  # a name, never fetched


def imported(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {
        name.split(".")[0] for name in plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    }


def test_there_are_seven_folders_and_one_file() -> None:
    assert len(FILES) == 8


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_a_service_is_one_page_and_knows_nothing_of_us(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 90
    assert "sandbox" not in imported(file)
    assert ast.get_docstring(ast.parse(file.read_text()))


def test_only_one_service_is_slow_to_import() -> None:
    assert [file.parent.name for file in FILES if "fastapi" in imported(file)] == ["orders"]


@pytest.mark.parametrize("file", sorted(BAKERY.glob("*/requirements.txt")), ids=lambda file: file.parent.name)
def test_requirements_have_a_lower_and_an_upper_bound_and_are_used(file: Path) -> None:
    for line in file.read_text().splitlines():
        found = re.fullmatch(r"([a-z]+)>=[\d.]+,<[\d.]+", line)
        assert found, line
        assert found[1] in imported(file.parent / "app.py")


def test_the_steamers_differ_in_their_recipe() -> None:
    old, new = ((BAKERY / folder / "app.py").read_text().splitlines() for folder in ("steamer", "steamer-v2"))
    changed = [line for line in difflib.unified_diff(old, new, n=0, lineterm="") if re.match(r"\+(?!\+)", line)]

    assert len(changed) <= 6
    assert any(line.startswith("+BUN = ") for line in changed)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    assert set(re.findall(r"https?://[^\s\"'`)]*", PAGE)) == {SVG}
    assert not re.search(r"[\"'(]//\w|@import|<link rel=\"stylesheet|<script src", PAGE)
    assert set(re.findall(r"fetch\(([^,)]*)", PAGE)) == {'"api/buns"'}


def test_the_page_asks_for_light_dark_phone_and_calm() -> None:
    for wish in (
        "prefers-color-scheme: dark",
        "prefers-reduced-motion: reduce",
        "max-width: 760px",
        "width=device-width",
    ):
        assert wish in PAGE


def test_words_of_services_never_become_markup() -> None:
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write", PAGE)
