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
    assert capsys.readouterr().err == (
        "error: nowhere: is not a folder\n"
        "hint: name the folder that your services are in, or leave it out for this one\n"
    )


def test_a_compose_file_needs_none(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """A sandbox.yaml beside it would be taken instead, without its services and their environment."""
    folder = place.apps / "shop"
    folder.mkdir()
    (folder / "app.py").write_text("print('hello')\n")
    (folder / "docker-compose.yml").write_text("services: {db: {image: postgres}}\n")

    assert main(["init", str(folder)]) == 2
    assert capsys.readouterr().err == (
        f"error: {folder}/docker-compose.yml: is there, and needs no init\n"
        f"hint: start it: sandbox up {folder} (to have a sandbox.yaml instead of it: sandbox init --force {folder})\n"
    )
    assert not (folder / "sandbox.yaml").exists()

    monkeypatch.chdir(folder)
    assert main(["init"]) == 2
    assert "hint: start it: sandbox up (to have" in capsys.readouterr().err
    assert main(["init", "--force"]) == 0
    assert "There is a docker-compose.yml here too" in (folder / "sandbox.yaml").read_text()


def test_a_sandbox_yml_is_one_already(place: Place, capsys: Output) -> None:
    folder = place.apps / "web"
    folder.mkdir()
    (folder / "app.py").write_text("print('hello')\n")
    (folder / "sandbox.yml").write_text("name: mine\n")

    assert main(["init", str(folder)]) == 2
    assert "sandbox.yml: already exists" in capsys.readouterr().err
    assert main(["init", "--force", str(folder)]) == 0
    assert [file.name for file in sorted(folder.glob("*.yml")) + sorted(folder.glob("*.yaml"))] == ["sandbox.yml"]
