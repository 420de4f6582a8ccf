from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.supervisor.steering.stage import RETRIES, Stage, street


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The file has retries for the pantry; it has been read."""
    stage = Stage(tmp_path, street(pantry=RETRIES))
    await stage.read()
    yield stage
    await stage.dies()
