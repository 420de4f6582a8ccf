from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.paths import ProjectPaths
from sandbox.runtime.client import ShimClient
from tests.runtime.zygote.stage import Stage, make_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python environment with the libraries of `stage`."""
    return make_environment(tmp_path_factory.mktemp("warm") / "env")


@pytest.fixture
def stage(shim: ShimClient, paths: ProjectPaths, environment: Path, tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "app"
    folder.mkdir()
    yield Stage(shim, paths, environment, folder)
    for file in environment.glob("warm-*"):
        file.unlink()
