"""What is wrong, where, and what to do about it: each line as a person reads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.config.loader import load
from sandbox.errors import ConfigError, ExitCode
from tests.config.conftest import Folder


def of(keys: str) -> str:
    return f"services:\n  a:\n    build: ./a\n    {keys}\n"


def transcripts() -> list[tuple[str, list[str]]]:
    """Of problems*.txt: files, and below each what is wrong with it (`=>`) and what to do about it."""
    texts = [file.read_text().rstrip() for file in sorted(Path(__file__).parent.glob("problems*.txt"))]
    return [_transcript(block.splitlines()) for text in texts for block in re.split(r"\n\n+", text)]


def _transcript(lines: list[str]) -> tuple[str, list[str]]:
    start = next(number for number, line in enumerate(lines) if line.startswith("=> "))
    told = "\n".join(lines[start:]).removeprefix("=> ").split("\n=> ")
    return "\n".join(lines[:start]), [problem.replace("\n   ", " | ") for problem in told]


@pytest.mark.parametrize(("text", "problems"), transcripts())
def test_each_problem_names_its_place_and_a_next_step(folder: Folder, text: str, problems: list[str]) -> None:
    assert folder.problems(text) == [problem.replace("{root}", str(folder.root)) for problem in problems]
    assert all(not problem.endswith(" | ") for problem in folder.problems(text))


def test_all_problems_are_told_in_the_order_of_the_text(folder: Folder) -> None:
    text = "nme: x\nservices:\n  a: {build: ./a, restart: nope}\n  b: {build: [], ports: [0]}\n"

    assert [problem.split(" ")[0] for problem in folder.problems(text)] == ["1:1", "3:28", "4:14", "4:26"]


def test_what_fits_the_schema_is_checked_although_something_else_does_not(folder: Folder) -> None:
    text = """\
services:
  a: {image: a, restart: nope}
  b: {image: b, ports: ["8000"], depends_on: [a, mil]}
  c: {image: c, public: true}
traffic:
  a: {rules: [{backendRefs: [{version: v1}]}]}
  d: {rules: []}
"""

    assert [problem.split(" | ")[0] for problem in folder.problems(text)] == [
        '2:26 restart should be no, on-failure, always or unless-stopped, not "nope"',
        "3:50 b depends on mil, and there is no such service",
        "4:17 c is public and has no HTTP port",
        "7:3 traffic names d, and there is no such service",
    ]


def test_what_would_follow_from_a_fault_alone_is_not_told(folder: Folder) -> None:
    text = "services:\n  a: {image: a, ports: [x]}\n  b: {image: b, depends_on: [a]}\ntraffic:\n  a: {rules: []}\n"

    assert [problem.split(" ")[0] for problem in folder.problems(text)] == ["2:25"]


def test_what_versions_inherit_is_told_once(folder: Folder) -> None:
    assert len(folder.problems(of("restart: nope\n    versions: {v1: {}, v2: {}, v3: {}}"))) == 1


def test_a_thousand_problems_are_counted_not_listed(folder: Folder) -> None:
    found = folder.problems("services:\n" + "".join(f"  s{i}: {{build: ./a, nope: 1}}\n" for i in range(1000)))

    assert len(found) == 101
    assert found[-1] == "102:22 900 more problems from here on | correct the ones above first"


def test_secrets_are_not_repeated(folder: Folder) -> None:
    found = folder.problems(of("environment: {TOKEN: [$SECRET]}"), environment={"SECRET": "hunter2"})

    assert found == ["4:26 TOKEN should be text, not a list | write a single value"]


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"\xff\xfe", "sandbox.yaml:1:1", "is not UTF-8 text"),
        (b"a: 1\nname: caf\xe9\n", "sandbox.yaml:2:10", "is not UTF-8 text"),
        (b"a: [" + b"[" * 10_000_000, "sandbox.yaml", "is larger than 1 MiB"),
    ],
)
def test_files_that_are_no_text(folder: Folder, data: bytes, place: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        folder.load(data)

    assert (caught.value.place, caught.value.message) == (place, message)
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_byte_order_mark_is_no_part_of_the_text(folder: Folder) -> None:
    assert folder.problems(b"\xef\xbb\xbfname: x y\n")[0].startswith('1:7 "x y" is not a name')


def test_a_missing_file_is_named(folder: Folder) -> None:
    (folder.root / "sandbox.yaml").mkdir()
    for name, reason in (("sandbox.yaml", "is a directory"), ("nope.yaml", "no such file or directory")):
        with pytest.raises(ConfigError, match=f"{name}: can't be read: {reason}"):
            load([folder.root / name], environment={})
