from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sandbox.model import Healthcheck, NoProbe, Version
from sandbox.runtime.base import Artifact, InstanceSpec, Workload
from sandbox.runtime.docker import archive
from sandbox.runtime.docker.inside import Inside
from sandbox.runtime.docker.standby.command import command_of
from sandbox.runtime.docker.standby.look import modules_in
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage

UVICORN = """#!/opt/venv/bin/python3
import sys
from uvicorn.main import main
sys.exit(main())
"""


def spec(id: str, index: int) -> InstanceSpec:
    version = Version(name="v1", build=None, image="i", healthcheck=Healthcheck(probe=NoProbe()))
    return InstanceSpec(
        id=id,
        index=index,
        workload=Workload(service="web", version=version, ports=()),
        artifact=Artifact(fingerprint="1", argv=(), cwd=Path("/")),
        environment={},
        log_max_bytes=1,
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["python3", "-u", "app.py"], set()),
        (["/usr/bin/python3", "-m", "http.server"], {"http", "http.server"}),
        (["python3", "-I", "app.py"], None),  # which does not look where our hook is
        (["python3"], None),
        (["sh", "-c", "exec python3 app.py"], None),
        (["no-such-program"], None),
        (["tool"], {"sys", "uvicorn.main", "uvicorn.main.main"}),
    ],
)
def test_which_commands_are_held(engine: RealEngine, command: list[str], expected: set[str] | None) -> None:
    api = engine.api
    made = api.create_container(engine.image("python"), command, environment={"PATH": "/opt:/usr/bin:/bin"})["Id"]
    try:
        api.put_archive(made, "/", archive.pack({"opt/tool": archive.File(UVICORN.encode(), 0o755)}))
        found = command_of(api, made, command)
        assert (found.modules if found else None) == expected
    finally:
        api.remove_container(made)


def test_an_interpreter_that_is_told_to_do_something_else_is_not(engine: RealEngine) -> None:
    made = engine.api.create_container(
        engine.image("python"), ["python3", "app.py"], environment={"PYTHONINSPECT": "1"}
    )["Id"]
    try:
        assert command_of(engine.api, made, ["python3", "app.py"]) is None
    finally:
        engine.api.remove_container(made)


async def test_what_a_running_program_imported_is_found_in_its_memory(theatre: Stage, engine: RealEngine) -> None:
    script = "import decimal, time, http.cookies; print('ready', flush=True); time.sleep(600)"
    running = await theatre.start("python3", "-c", script, user="1000:1000")
    async with asyncio.timeout(20):
        while "ready" not in theatre.log():
            await asyncio.sleep(0.02)
    driver = theatre.driver
    inside = Inside(driver._engine, driver._streams, str(running.container), running.id)
    found = await modules_in(driver._engine, inside, str(running.container), "python3", running.id)
    assert {"decimal", "http.cookies"} <= found
    assert "sqlite3" not in found
