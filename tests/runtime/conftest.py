from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from sandbox.paths import ProjectPaths
from sandbox.runtime.client import ShimClient
from sandbox.runtime.launch import launch
from tests.runtime.home import project_paths


@pytest.fixture
def paths() -> Iterator[ProjectPaths]:
    with project_paths() as found:
        yield found


@pytest.fixture
async def shim(paths: ProjectPaths) -> AsyncIterator[ShimClient]:
    """A client of a real shim."""
    launch(paths)
    client = await ShimClient.connect(paths.shim_socket)
    yield client
    await client.close()
