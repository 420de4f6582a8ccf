"""A user with an empty home, who leaves nothing behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.paths import ProjectPaths
from sandbox.runtime.sweep import sweep
from tests.integration.harness import Sandbox, make_shop


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    home = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))  # Unix sockets need short paths
    user = Sandbox(home)
    yield user
    for folder in (user.state / "projects").glob("*"):
        user.run("down", "--project", folder.name, check=None)
        sweep(ProjectPaths(user.state, folder.name))
    left = user.left_running()
    shutil.rmtree(home)
    assert left == []


@pytest.fixture
def shop(sandbox: Sandbox) -> Path:
    return make_shop(sandbox.home / "shop")
