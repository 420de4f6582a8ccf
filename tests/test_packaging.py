"""The wheel holds what an installed `sandbox` needs to work from any folder, and nothing that it does not."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

import pytest
from uv import find_uv_bin

import sandbox
from sandbox.shipped import PROFILES, SAMPLE_APPS, shipped

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    out = tmp_path_factory.mktemp("wheel")
    # Without isolation it takes hatchling from the development environment and needs no package index.
    command = [find_uv_bin(), "build", "--wheel", "--no-build-isolation", "--python", sys.executable]
    built = subprocess.run([*command, "--out-dir", out, CHECKOUT], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (file,) = out.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def wanted(folder: str) -> set[str]:
    """What git keeps below a folder of the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", folder],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return {name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()}


def test_all_of_the_package_is_in(wheel: zipfile.ZipFile) -> None:
    assert wanted("sandbox") - set(wheel.namelist()) == set()


@pytest.mark.parametrize("folder", [PROFILES, SAMPLE_APPS])
def test_what_users_run_and_copy_is_in(wheel: zipfile.ZipFile, folder: str) -> None:
    names = wanted(folder)

    assert names
    assert {f"sandbox/_shipped/{name}" for name in names} - set(wheel.namelist()) == set()


def test_nothing_else_is_in(wheel: zipfile.ZipFile) -> None:
    expected = wanted("sandbox") | {f"sandbox/_shipped/{name}" for name in wanted(PROFILES) | wanted(SAMPLE_APPS)}
    extra = {name for name in wheel.namelist() if ".dist-info/" not in name} - expected

    assert extra == set()


def test_the_version_has_one_source(wheel: zipfile.ZipFile) -> None:
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))

    assert HeaderParser().parsestr(wheel.read(metadata).decode())["Version"] == sandbox.__version__
    assert "version" in tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dynamic"]


def test_the_checkout_finds_the_same_files() -> None:
    assert shipped(PROFILES) == CHECKOUT / "profiles"
    assert (shipped(SAMPLE_APPS) / "bakery" / "sandbox.yaml").is_file()
