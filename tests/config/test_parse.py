"""YAML with positions, and without the ways in which YAML can hurt."""

from __future__ import annotations

import time

import pytest

from sandbox.config.parse import MAX_DEPTH, parse
from sandbox.config.tree import Entries, Problems, key_place, place, plain
from sandbox.errors import Location


def read(text: str) -> Entries:
    problems = Problems()
    tree = parse(text, "f.yaml", problems)
    assert tree is not None and not problems, problems.all
    return tree


def refused(text: str) -> str:
    problems = Problems()
    parse(text, "f.yaml", problems)
    [problem] = problems.all
    return f"{problem.location.line}:{problem.location.column} {problem.message}"


def test_keys_and_values_know_where_they_are() -> None:
    tree = read("services:\n  web:\n    ports: [80, '81']\n")

    assert key_place(tree, ("services", "web")) == Location("f.yaml", 2, 3)
    assert place(tree, ("services", "web", "ports", 1)) == Location("f.yaml", 3, 17)
    assert place(tree, ("services", "nobody", "ports")) == Location("f.yaml", 2, 3)


def test_columns_count_characters_not_bytes() -> None:
    assert place(read("{é: ü, ñ: x}"), ("ñ",)) == Location("f.yaml", 1, 11)


def test_nothing_is_an_empty_map() -> None:
    assert plain(read("")) == plain(read("# only a comment\n")) == plain(read("---\n...\n")) == {}


def test_merge_keys_work_and_the_maps_own_keys_win() -> None:
    tree = read("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {<<: *b}\n")

    assert plain(tree)["c"] == {"x": 3, "y": 1, "z": 2}
    assert plain(tree)["d"] == {"y": 2, "z": 2}


def test_tags_of_the_core_schema_are_fine() -> None:
    assert plain(read("a: !!str 1\nb: !!map {}\nc: ! 2\n")) == {"a": "1", "b": {}, "c": "2"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "1:1 is not a map of keys and values"),
        ("hello", "1:1 is not a map of keys and values"),
        ("a: 1\nb: 2\na: 3", '3:1 "a" is there twice, first in line 1'),
        ("a: {b: 1, b: 2}", '1:11 "b" is there twice, first in line 1'),
        ("a: b: c", "1:5 is not valid YAML: mapping values are not allowed in this context"),
        ("a:\n\tb: 1", "2:1 is not valid YAML: found character that cannot start any token"),
        ("a: [1, 2\n", "1:4 is not valid YAML: did not find expected ',' or ']'"),
        ("x: 1\na: 'b\n\n", "2:4 is not valid YAML: found unexpected end of stream"),
        ("a: 1\n---\nb: 1", "2:1 has more than one document"),
        ("? [a]\n: 1", "1:3 a key must be plain text"),
        ("a: &x {b: *x}", "1:11 *x is inside what it stands for"),
        ("a: *x", "1:4 *x has no anchor &x above it"),
        ("a: {<<: 1}", "1:9 << takes a map or a list of maps"),
        ("a: !!python/object:os.system x", '1:4 the tag "!!python/object:os.system" is not supported'),
        ("a: !reset []", '1:4 the tag "!reset" is not supported'),
        ('a: "\\0"', "1:4 has a character that is not text (NUL or half a surrogate pair)"),
        ("a: \x07", "1:4 is not valid YAML: control characters are not allowed"),
    ],
)
def test_what_it_refuses(text: str, problem: str) -> None:
    assert refused(text) == problem


def laughs() -> str:
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    return "a0: &a0 [ha, ha]\n" + "\n".join(lines)


BOMBS = {
    "brackets": "a: " + "[" * 1_000_000,
    "maps": "{a: " * 250_000,
    "dashes": "- " * 500_000,
    "indentation": "".join(" " * depth + "a:\n" for depth in range(1400)),
    "laughs": laughs(),
    "merges": "a: &a {"
    + ", ".join(f"k{i}: 1" for i in range(5000))
    + "}\nb: {<<: ["
    + ", ".join(["*a"] * 50_000)
    + "]}",
    "width": "a: [" + "1," * 500_000 + "]",
    "directives": "".join(f"%TAG !a{i}! b\n" for i in range(50_000)) + "--- {}",
    "open quote": "a: '" + "x\n" * 500_000,
    "deep aliases": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 2 * MAX_DEPTH)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(name: str) -> None:
    started = time.process_time()

    assert refused(BOMBS[name])
    assert time.process_time() - started < 1
