from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.runtime.docker.builds import Builder, remove_all
from sandbox.runtime.docker.engine import Engine
from tests.docker_engine import RealEngine
from tests.runtime.docker.builds.index import PackageIndex, package_index
from tests.runtime.docker.builds.kitchen import PROJECT, Kitchen


@pytest.fixture
def host(engine: RealEngine, tmp_path: Path) -> dict[str, str]:
    """A user's environment that says nothing of networks."""
    for purpose in ("python", "run"):
        engine.image(purpose)
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null", **engine.variables}


@pytest.fixture
async def kitchen(engine: RealEngine, host: dict[str, str]) -> AsyncIterator[Kitchen]:
    connected = await Engine.connect(host)
    found = Kitchen(engine, connected, Builder(connected, PROJECT, {}, host))
    yield found
    await remove_all(connected, PROJECT)
    assert found.images() == []
    await connected.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PackageIndex]:
    folder = tmp_path / "index"
    folder.mkdir()
    with package_index(folder, crumb="good morning", loaf="good evening") as found:
        yield found


@pytest.fixture
def app(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    place.mkdir()
    return place
