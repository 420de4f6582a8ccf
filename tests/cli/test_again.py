"""Coming back to a project from where one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.cli.again import up_again, up_from, which
from sandbox.cli.parser import parse
from sandbox.config.loader import load
from sandbox.config.locate import sample_apps


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ("up", "sandbox up"),
        ("up bakery", "sandbox up bakery"),
        ("up ./shop -d --no-watch --timeout 5s", "sandbox up ./shop"),
        ("-f a.yaml up -f b.yaml --profile lite", "sandbox up -f a.yaml -f b.yaml --profile lite"),
        ("--project two up shop --runtime process", "sandbox up shop --project two --runtime process"),
    ],
)
def test_the_same_is_shown_again_by_what_was_typed(typed: str, again: str) -> None:
    parsed = parse(typed.split())
    assert parsed is not None
    assert up_again(parsed[1]) == again


def test_other_commands_need_a_name_only_in_a_folder_of_another_project(tmp_path: Path) -> None:
    for name in ("shop", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sandbox.yaml").write_text(f"name: {name}\nservices: {{web: {{image: web}}}}\n")
    shop = load([tmp_path / "shop" / "sandbox.yaml"], environment={})

    assert which(shop, tmp_path / "shop") == ""
    assert which(shop, tmp_path) == ""
    assert which(shop, tmp_path / "shop", others_run=True) == ""
    assert which(shop, tmp_path, others_run=True) == " --project shop"
    assert which(shop, tmp_path / "other") == " --project shop"


def test_what_was_stopped_is_started_again_from_its_own_files(tmp_path: Path) -> None:
    shop, bakery = tmp_path / "shop", sample_apps()["bakery"]
    shop.mkdir()
    files = [shop / "compose.yaml", shop / "more.yaml"]
    for file in files:
        file.write_text("services: {}\n")

    assert up_from((), tmp_path) == "sandbox up"
    assert up_from(files[:1], shop) == "sandbox up"
    assert up_from(files[:1], tmp_path) == f"sandbox up {shop}"
    assert up_from(files, shop) == f"sandbox up -f {files[0]} -f {files[1]}"
    assert up_from(files[1:], tmp_path) == f"sandbox up -f {files[1]}"
    assert up_from([bakery / "sandbox.yaml"], tmp_path) == "sandbox up bakery"
