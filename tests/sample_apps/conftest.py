"""The sample apps, run without `sandbox`; and a user who runs them with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv

from tests.integration.conftest import sandbox
from tests.sample_apps.street import BAKERY, Bakery, open_bakery

__all__ = ["sandbox"]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with what the bakery's own requirements say, and nothing else."""
    environment = tmp_path_factory.mktemp("bakery") / "venv"
    wanted = [word for file in sorted(BAKERY.glob("*/requirements.txt")) for word in ("-r", str(file))]
    uv_bin, found = uv.find_uv_bin(), environment / "bin" / "python"
    subprocess.run([uv_bin, "venv", "-q", "-p", sys.executable, environment], check=True)
    subprocess.run([uv_bin, "pip", "install", "-q", "-p", found, *wanted], check=True)
    return found


@pytest.fixture(scope="session")
def bakery(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bakery]:
    with open_bakery(python, tmp_path_factory.mktemp("logs")) as found:
        yield found
