from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.proxy.topology import Address
from tests.proxy.mesh import Mesh
from tests.proxy.peers import greeting


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with Mesh() as running:
        yield running


@pytest.fixture
async def greeter() -> AsyncIterator[Address]:
    async with greeting() as address:
        yield address
