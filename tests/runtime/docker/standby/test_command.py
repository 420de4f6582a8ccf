from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.model import Healthcheck, NoProbe, Version
from sandbox.runtime.base import Artifact, InstanceSpec, Workload
from sandbox.runtime.docker import archive
from sandbox.runtime.docker.standby.command import modules_of
from tests.docker_engine import RealEngine

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
        assert modules_of(api, made) == expected
    finally:
        api.remove_container(made)


def test_an_interpreter_that_is_told_to_do_something_else_is_not(engine: RealEngine) -> None:
    made = engine.api.create_container(
        engine.image("python"), ["python3", "app.py"], environment={"PYTHONINSPECT": "1"}
    )["Id"]
    try:
        assert modules_of(engine.api, made) is None
    finally:
        engine.api.remove_container(made)
