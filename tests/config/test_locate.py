from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.config.locate import FILE_NAMES, find_project_file, resolve_app, sample_apps
from sandbox.errors import ExitCode, UsageError


def test_the_nearest_file_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "compose.yaml").touch()
    assert find_project_file(deep) == tmp_path / "compose.yaml"

    (tmp_path / "a" / "sandbox.yml").touch()
    assert find_project_file(deep) == tmp_path / "a" / "sandbox.yml"


def test_sandbox_yaml_wins_in_one_folder(tmp_path: Path) -> None:
    for name in reversed(FILE_NAMES):
        (tmp_path / name).touch()
        assert find_project_file(tmp_path) == tmp_path / name


def test_nothing_is_found(tmp_path: Path) -> None:
    assert find_project_file(tmp_path) is None


def test_apps_by_folder_file_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_app("bakery") == sample_apps()["bakery"] / "sandbox.yaml"

    (tmp_path / "bakery").mkdir()
    (tmp_path / "bakery" / "compose.yaml").touch()
    assert resolve_app("bakery") == resolve_app("bakery/compose.yaml") == tmp_path / "bakery" / "compose.yaml"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "bakry",
            "bakry: is neither a folder nor a sample app",
            "did you mean bakery? sample apps: bakery, hello, polyglot",
        ),
        ("zzz", "zzz: is neither a folder nor a sample app", "sample apps: bakery, hello, polyglot"),
        ("empty", "empty: has no sandbox.yaml or compose.yaml", "write one with `sandbox init empty`"),
    ],
)
def test_what_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, hint: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        resolve_app(name)

    assert (str(caught.value), caught.value.hint) == (message, hint)
    assert caught.value.exit_code is ExitCode.USAGE
