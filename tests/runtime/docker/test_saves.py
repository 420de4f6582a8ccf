"""Saved files in containers: over the image of one that starts, and into one that runs."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.model import Build
from sandbox.runtime.base import Artifact, InstanceSpec
from tests.runtime.docker.stage import SLEEPS, Stage


def archive(path: str, text: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


async def test_a_save_is_in_the_next_container_without_a_build(theatre: Stage, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "loaf").write_text("rye")
    (app / "Dockerfile").write_text(f"FROM {theatre.engine.image('run')}\nWORKDIR /app\nCOPY . .\n")

    async def prepared() -> tuple[InstanceSpec, Artifact]:
        spec = theatre.spec(*SLEEPS, build=Build(context=app), command=SLEEPS)
        artifact = await theatre.driver.prepare(spec.workload, theatre.said.append)
        return replace(spec, artifact=artifact), artifact

    _, first = await prepared()
    (app / "loaf").write_text("oat")
    spec, second = await prepared()
    assert second.image == first.image
    assert second.fingerprint != first.fingerprint
    running = await theatre.driver.start(spec)
    assert await theatre.said_inside(running, "cat", "/app/loaf") == "oat"

    await theatre.open()  # another supervisor
    (app / "loaf").touch()
    assert (await prepared())[1] == second
    await theatre.driver.clear()
    theatre.engine.api.remove_image(first.image, force=True)
    assert not theatre.paths.docker.exists()


async def test_files_are_put_into_a_container_that_runs(theatre: Stage) -> None:
    running = await theatre.start(user="1000")
    await theatre.driver.copy(running.id, archive("/srv/new/loaf", "oat"))
    assert await theatre.said_inside(running, "cat", "/srv/new/loaf") == "oat"


@pytest.mark.parametrize("user", [None, "1000"])
async def test_files_are_removed_whoever_has_them(theatre: Stage, user: str | None) -> None:
    running = await theatre.start(user=user)
    await theatre.driver.copy(running.id, archive("/srv/loaf", "oat"))
    await theatre.said_inside(running, "sh", "-c", "mkdir /tmp/mine && touch /tmp/mine/bun")
    await theatre.driver.copy(running.id, b"", ["/srv/loaf", "/tmp/mine/bun", "/srv/never"])
    assert await theatre.said_inside(running, "ls", "/srv", "/tmp/mine") == "/srv:\n\n/tmp/mine:\n"


async def test_why_files_can_not_be_put_there(theatre: Stage) -> None:
    with pytest.raises(RuntimeFailure, match="web-v1-1 is not running"):
        await theatre.driver.copy("web-v1-1", archive("/x", ""))
    running = await theatre.start(read_only=True)
    with pytest.raises(RuntimeFailure, match="read-only"):
        await theatre.driver.copy(running.id, archive("/x", ""))
    with pytest.raises(RuntimeFailure, match=r"/etc/motd can't be removed there: .*Read-only file system"):
        await theatre.driver.copy(running.id, b"", ["/etc/motd"])
