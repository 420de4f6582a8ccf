"""A first sandbox.yaml for a folder."""

from __future__ import annotations

import pytest

from sandbox.cli.main import main
from tests.cli.conftest import Place

Output = pytest.CaptureFixture[str]


def test_what_it_writes_is_a_valid_project(place: Place, capsys: Output) -> None:
    folder = place.apps / "web"
    folder.mkdir()
    (folder / "app.py").write_text("print('hello')\n")

    assert main(["init", str(folder)]) == 0
    assert capsys.readouterr().out == f"wrote {folder}/sandbox.yaml\nnext: look through it, then run `sandbox up`\n"
    assert "#" in (folder / "sandbox.yaml").read_text()
    assert main(["config", str(folder)]) == 0


def test_it_replaces_nothing_unless_told_to(place: Place, capsys: Output) -> None:
    root = place.app("bakery")
    (root / "app.py").write_text("print('hello')\n")
    before = (root / "sandbox.yaml").read_text()

    assert main(["init", str(root)]) == 2
    assert (root / "sandbox.yaml").read_text() == before
    assert "error: " in capsys.readouterr().err
    assert main(["init", "--force", str(root)]) == 0
    assert (root / "sandbox.yaml").read_text() != before


def test_a_folder_that_is_none(place: Place, capsys: Output) -> None:
    assert main(["init", "nowhere"]) == 2
    assert capsys.readouterr().err == "error: nowhere: is not a folder\n"
