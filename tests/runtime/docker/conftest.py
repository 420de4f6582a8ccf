from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage, stage


@pytest.fixture
async def theatre(engine: RealEngine) -> AsyncIterator[Stage]:
    """A project in the layout that needs least."""
    async with stage(engine) as made:
        yield made


@pytest.fixture(params=["host", "container"])
async def either(request: pytest.FixtureRequest, engine: RealEngine) -> AsyncIterator[Stage]:
    """A project in each of the layouts."""
    async with stage(engine, request.param) as made:
        yield made
