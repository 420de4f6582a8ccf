from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.proxy.mesh import Mesh


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with Mesh() as running:
        yield running
