"""Saving live policies changes what differs, and no other byte of the file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.config.save import save_traffic
from sandbox.config.traffic.document import document
from sandbox.config.traffic.files import documents_in
from sandbox.config.yamltext import Dumper
from sandbox.errors import ConfigError, SandboxError
from sandbox.model import Project, TrafficPolicy
from tests.config.conftest import Folder
from tests.strategies.traffic import policies

ENVIRONMENT = {"LIMIT": "7"}


def project_of(file: Path, places: dict[str, str] | None = None) -> Project:
    return Project(name="x", root=file.parent, files=(file,), services={}, places=places or {})


def save(folder: Folder, text: str, documents: dict[str, Any]) -> str:
    file = folder.write(text)
    assert save_traffic(project_of(file), documents, ENVIRONMENT) == file
    return file.read_bytes().decode()


def histories() -> list[Any]:
    """Of saves.txt: a file, what is saved (`--- SERVICE: DOCUMENT`), and the file afterwards."""
    blocks = re.split(r"\n\n(?=# [A-Z])", (Path(__file__).parent / "saves.txt").read_text().rstrip("\n"))
    return [_history(block) for block in blocks]


def _history(block: str) -> Any:
    title, _, rest = block.partition("\n")
    match = re.fullmatch(r"(.*?\n)--- (\w+): ([^\n]+)\n(.*)", rest, re.DOTALL)
    assert match is not None, block
    return pytest.param(match[1], {match[2]: json.loads(match[3])}, match[4] + "\n", id=title.removeprefix("# "))


@pytest.mark.parametrize(("before", "documents", "after"), histories())
def test_a_save(folder: Folder, before: str, documents: dict[str, Any], after: str) -> None:
    assert save(folder, before, documents) == after


@pytest.mark.parametrize(("before", "documents", "after"), histories())
def test_a_save_in_a_file_with_other_line_ends(
    folder: Folder, before: str, documents: dict[str, Any], after: str
) -> None:
    assert save(folder, before.replace("\n", "\r\n"), documents) == after.replace("\n", "\r\n")


@pytest.mark.parametrize(("before", "documents", "after"), histories())
def test_a_second_save_changes_nothing(folder: Folder, before: str, documents: dict[str, Any], after: str) -> None:
    file = folder.write(after)
    written = file.stat().st_mtime_ns

    save_traffic(project_of(file), documents, ENVIRONMENT)

    assert file.stat().st_mtime_ns == written


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(old=policies(), new=policies(), flow=st.sampled_from([None, True, False]))
def test_any_policy_becomes_any_other(
    folder: Folder, old: TrafficPolicy, new: TrafficPolicy, flow: bool | None
) -> None:
    before = {"x-0": "$$", "traffic": {"a": {"concurrency": 1}, "c": _escaped(document(old)), "d": {"concurrency": 2}}}
    text = yaml.dump(before, Dumper=Dumper, sort_keys=False, default_flow_style=flow, allow_unicode=True)
    file = folder.write(f"# first\n{text}\n# last\n")

    save_traffic(project_of(file), {"c": document(new)}, {})

    wanted = {"a": {"concurrency": 1}, "c": document(new), "d": {"concurrency": 2}}
    said = documents_in(file.read_text(), "", file.parent, {})
    assert said == {name: found for name, found in wanted.items() if found or document(old) == {}}
    assert file.read_text().startswith("# first\n") and file.read_text().endswith("\n# last\n")


def _escaped(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _escaped(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_escaped(item) for item in node]
    return node.replace("$", "$$") if isinstance(node, str) else node


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x-a: &a {concurrency: 1}\ntraffic:\n  c: *a\n", 3),
        ("x-a: &a {concurrency: 1}\ntraffic:\n  c:\n    <<: *a\n", 4),
        ("x-a: &a {c: {concurrency: 1}}\ntraffic: *a\n", 2),
        ("traffic:\n  c: &c {concurrency: 1}\n  a: *c\n", 2),
    ],
)
def test_what_others_share_is_not_changed(folder: Folder, text: str, line: int) -> None:
    with pytest.raises(SandboxError, match="written with an anchor or an alias") as caught:
        save(folder, text, {"c": {"concurrency": 2}})

    assert caught.value.place == f"sandbox.yaml:{line}"
    assert caught.value.hint == "see `sandbox traffic get c -o yaml`, and put it there by hand"
    assert (folder.root / "sandbox.yaml").read_text() == text


def test_anchors_elsewhere_stay(folder: Folder) -> None:
    text = "x-a: &a {restart: no}\nservices:\n  a:\n    <<: *a\ntraffic:\n  c: {concurrency: 1}\n"

    assert save(folder, text, {"c": {"concurrency": 2}}) == text.replace("concurrency: 1", "concurrency: 2")


def test_what_stands_in_another_file_is_not_written_here(folder: Folder) -> None:
    file = folder.write("services: {}\n")
    project = project_of(file, {"traffic.c": "over.yaml:3:5"})

    with pytest.raises(SandboxError, match=r"not in sandbox\.yaml") as caught:
        save_traffic(project, {"c": {"concurrency": 1}}, {})

    assert caught.value.place == "over.yaml:3:5"


def test_a_copy_that_came_with_the_package_is_not_written(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "name: x\nservices: {}\n"
    file = folder.write(text)
    monkeypatch.setattr("sandbox.config.save.traffic.installed", lambda: file.parent.parent)

    with pytest.raises(SandboxError, match="own copy of the sample app") as caught:
        save_traffic(project_of(file), {"mill": {"concurrency": 3}}, ENVIRONMENT)

    assert caught.value.hint.startswith(f"have one of yours: cp -r {file.parent} . && sandbox up ./")
    assert file.read_text() == text


def test_a_file_that_is_no_longer_valid_is_told(folder: Folder) -> None:
    with pytest.raises(ConfigError) as caught:
        save(folder, "traffic: {c: {concurrency: x}}\n", {"c": {"concurrency": 2}})

    assert caught.value.place == "sandbox.yaml:1:28"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(folder: Folder) -> None:
    folder.write("services: {}\n")
    folder.root.chmod(0o500)
    try:
        with pytest.raises(SandboxError, match="can't be written: permission denied"):
            save_traffic(project_of(folder.root / "sandbox.yaml"), {"c": {"concurrency": 1}}, {})
    finally:
        folder.root.chmod(0o700)


def test_the_file_keeps_its_mode_its_mark_and_its_link(folder: Folder) -> None:
    file = folder.write(b"\xef\xbb\xbftraffic: {c: {concurrency: 1}}\n", "real.yaml")
    file.chmod(0o640)
    link = folder.root / "sandbox.yaml"
    link.symlink_to(file)

    assert save_traffic(project_of(link), {"c": {"concurrency": 2}}, {}) == file

    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640
    assert file.read_bytes() == b"\xef\xbb\xbftraffic: {c: {concurrency: 2}}\n"
