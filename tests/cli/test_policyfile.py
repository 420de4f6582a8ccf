"""`sandbox traffic apply FILE`: the words of sandbox.yaml, and places in the file for what is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from sandbox.cli.traffic.policyfile import read_policies
from sandbox.control import Edit, EditAction
from sandbox.errors import ConfigError, UsageError

EDIT = Edit(
    service="orders",
    action=EditAction.REPLACE,
    values={"rules": [{"retry": {"attempts": 2, "on": ["5xx", "reset"]}}], "concurrency": 7},
)
POLICY = "orders:\n  rules: [{retry: {attempts: 2, on: '5xx,reset'}}]\n  concurrency: $LIMIT\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIMIT", "7")
    return tmp_path


@pytest.mark.parametrize(
    "text", [POLICY, "name: x\ntraffic:\n" + "".join(f"  {line}\n" for line in POLICY.split("\n"))]
)
def test_policies_by_service(folder: Path, text: str) -> None:
    (folder / "p.yaml").write_text(text)

    assert read_policies("p.yaml").edits == (EDIT,)


def test_from_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(POLICY))

    assert read_policies("-").edits == (EDIT,)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "orders:\n  rules: [{retry: {attempts: many}}]\n",
            "p.yaml:2:30",
            'attempts should be a whole number, not "many"',
        ),
        ("orders: [\n", "p.yaml:1:10", "is not valid YAML"),
        ("orders: 5\n", "p.yaml:1:9", "orders should be a map, not 5"),
        ("- a\n", "p.yaml:1:1", "is not a map of keys and values"),
    ],
)
def test_what_is_wrong_has_its_place(folder: Path, text: str, place: str, message: str) -> None:
    (folder / "p.yaml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        read_policies("p.yaml")

    assert caught.value.place == place and caught.value.message.startswith(message)


def test_an_empty_file_says_how_to_write_one(folder: Path) -> None:
    (folder / "p.yaml").write_text("traffic: {}\n")

    with pytest.raises(UsageError, match="has no policies by service"):
        read_policies("p.yaml")
