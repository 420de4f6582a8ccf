"""What a dead supervisor left in the engine is removed, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.model import Mount, MountKind, Volume
from sandbox.paths import ProjectPaths
from sandbox.runtime.docker import sweep
from sandbox.runtime.docker.sweep import forget, sweep_containers
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage, stage


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is still asking for anything."""
    monkeypatch.setattr(sweep, "_STRAGGLERS", 0.0)


@pytest.fixture
async def abandoned(engine: RealEngine) -> AsyncIterator[Stage]:
    """Instances whose supervisor was killed, each on a network of its own."""
    async with stage(engine, "container") as made:
        await asyncio.gather(*(made.start(instance=f"web-v1-{number}") for number in (1, 2)))
        await made.close()
        yield made
        await made.open()  # for its clearing


@pytest.fixture
def bystander(engine: RealEngine) -> Iterator[str]:
    """A container of somebody else."""
    made = engine.api.create_container(engine.image("python"), ["sleep", "600"])["Id"]
    engine.api.start(made)
    yield made
    engine.api.remove_container(made, force=True)


async def test_everything_of_the_project_goes_and_nothing_else(
    abandoned: Stage, engine: RealEngine, bystander: str
) -> None:
    engine.api.connect_container_to_network(bystander, abandoned.id)  # by hand

    count = await asyncio.to_thread(sweep_containers, abandoned.paths, engine.variables)

    assert count == 3  # with the proxy's
    assert engine.leftovers(abandoned.id) == []
    assert not abandoned.paths.docker.exists()
    assert engine.api.inspect_container(bystander)["State"]["Running"]
    assert await asyncio.to_thread(sweep_containers, abandoned.paths, engine.variables) == 0


async def test_two_sweeps_at_once_do_not_trouble_each_other(abandoned: Stage, engine: RealEngine) -> None:
    await asyncio.gather(
        *(asyncio.to_thread(sweep_containers, abandoned.paths, engine.variables) for _ in range(2)),
    )
    assert engine.leftovers(abandoned.id) == []


async def test_volumes_outlive_a_sweep_until_they_are_forgotten(engine: RealEngine) -> None:
    async with stage(engine) as theatre:
        theatre.volumes = {"rows": Volume(), "theirs": Volume(name=f"{theatre.id}-theirs", external=True)}
        engine.api.create_volume(f"{theatre.id}-theirs")
        await theatre.driver.configure(theatre.project, ("web", "stock"), {})
        mounts = tuple(Mount(kind=MountKind.VOLUME, source=name, target=f"/{name}") for name in theatre.volumes)
        await theatre.start(mounts=mounts)
        await theatre.close()

        await asyncio.to_thread(sweep_containers, theatre.paths, engine.variables)
        assert engine.leftovers(theatre.id) == [f"volume {theatre.id}_rows"]
        await asyncio.to_thread(forget, theatre.id, engine.variables)
        assert engine.leftovers(theatre.id) == []
        assert f"{theatre.id}-theirs" in {one["Name"] for one in engine.api.volumes()["Volumes"]}
        engine.api.remove_volume(f"{theatre.id}-theirs")


def test_without_an_engine_it_says_what_may_be_left(tmp_path: Path) -> None:
    paths = ProjectPaths(tmp_path, "shop-1")
    paths.docker.mkdir(parents=True)
    with pytest.raises(RuntimeFailure, match="containers may be left: there is no engine at /nowhere") as failure:
        sweep_containers(paths, {"DOCKER_HOST": "unix:///nowhere"})
    assert failure.value.hint.endswith("; then: sandbox down")
    assert paths.docker.is_dir()  # so that the next `down` looks again
    forget("shop-1", {"DOCKER_HOST": "unix:///nowhere"})
