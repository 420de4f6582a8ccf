"""A project that builds, of which nothing stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.paths import ProjectPaths
from tests.runtime.home import project_paths


@pytest.fixture
def paths() -> Iterator[ProjectPaths]:
    with project_paths() as found:
        yield found
