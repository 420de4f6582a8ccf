"""`sandbox report`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sandbox.cli.main import main
from sandbox.errors import SandboxError
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


def test_it_is_a_file_in_this_folder(
    bakery: FakeControl, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--project", "bakery"]) == 0
    file = Path(capsys.readouterr().out.strip())
    assert file.parent == tmp_path
    assert file.name.startswith(f"bakery-{time.strftime('%Y')}")
    assert "storefront" in file.read_text()


def test_what_can_not_be_had_keeps_nothing_else_from_it(bakery: FakeControl, capsys: Output, tmp_path: Path) -> None:
    bakery.traffic.failures["history"] = SandboxError("the disk is full")
    file = tmp_path / "incident.html"
    assert main(["report", "--to", str(file), "--span", "1h"]) == 0
    assert "note: the policies' history could not be had: the disk is full" in capsys.readouterr().err
    assert "the disk is full" in file.read_text()
    assert "the 60 minutes before" in file.read_text()


def test_a_place_that_can_not_be_written_is_named(bakery: FakeControl, capsys: Output, tmp_path: Path) -> None:
    assert main(["report", "--to", str(tmp_path / "nowhere" / "x.html")]) == 1
    said = capsys.readouterr().err
    assert "nowhere/x.html: can't be written" in said
    assert "--to" in said
