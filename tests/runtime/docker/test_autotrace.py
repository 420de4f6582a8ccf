"""What a container of a Python service gets so that it tells of its inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.model import Healthcheck, NoProbe, Version
from sandbox.paths import ProjectPaths
from sandbox.runtime.autotrace import HOOK, AutoTrace
from sandbox.runtime.base import Output, Workload
from sandbox.runtime.docker.autotrace import Brought, ContainerAutoTrace, is_python
from sandbox.runtime.docker.engine import Engine

OFFICIAL = {"Env": ["PATH=/usr/local/bin", "PYTHON_VERSION=3.12.4"], "Cmd": ["python3"]}


class Images:
    """An engine that knows one image."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    async def call(self, work: Callable[[Any], Any], *, place: str) -> Any:
        return work(self)

    def inspect_image(self, _image: str) -> Any:
        return {"Config": self._config}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def place(_self: AutoTrace, _service: str, _output: Output) -> Path:
        return Path("/cache/otel")

    monkeypatch.setattr(AutoTrace, "place", place)


async def brought(folder: Path, config: Mapping[str, Any], **more: Any) -> Brought:
    version = Version(name="v1", build=None, image="x", healthcheck=Healthcheck(probe=NoProbe()), **more)
    workload = Workload(service="web", version=version, ports=(), runtime="docker", warm=False, auto=True)
    traced = ContainerAutoTrace(cast(Engine, Images(config)), ProjectPaths(folder, "p"), {})
    return await traced.brought(workload, "sha256:1", (), lambda _line: None)


async def test_two_folders_of_the_host_that_it_can_only_read(tmp_path: Path) -> None:
    found = await brought(tmp_path, OFFICIAL)

    assert {(one.source, one.target, one.read_only) for one in found.mounts} == {
        ("/cache/otel", "/opt/sandbox-otel/packages", True),
        (str(HOOK), "/opt/sandbox-otel/hook", True),
    }
    assert found.environment["PYTHONPATH"] == "/opt/sandbox-otel/hook"
    assert found.environment["SANDBOX_OTEL"] == "/opt/sandbox-otel/packages"
    assert found.environment["OTEL_TRACES_SAMPLER"] == "parentbased_always_off"


async def test_what_the_image_has_on_its_path_stays_there_unless_the_file_says_another(tmp_path: Path) -> None:
    config = {**OFFICIAL, "Env": [*OFFICIAL["Env"], "PYTHONPATH=/app/lib"]}

    assert (await brought(tmp_path, config)).environment["PYTHONPATH"] == "/opt/sandbox-otel/hook:/app/lib"
    theirs = await brought(tmp_path, config, environment={"PYTHONPATH": "/other"})
    assert theirs.environment["PYTHONPATH"] == "/opt/sandbox-otel/hook"


async def test_what_is_none_of_python_is_left_as_it_is(tmp_path: Path) -> None:
    assert (
        await brought(tmp_path, {"Env": None, "Cmd": ["postgres"], "Entrypoint": ["docker-entrypoint.sh"]}) == Brought()
    )


@pytest.mark.parametrize(
    ("config", "given", "python"),
    [
        (OFFICIAL, (), True),
        (OFFICIAL, ("nginx",), True),
        ({"Cmd": ["/opt/venv/bin/python", "app.py"]}, (), True),
        ({"Entrypoint": ["tini", "--"], "Cmd": ["gunicorn", "app:app"]}, (), True),
        ({}, ("python3.12", "-m", "shop"), True),
        ({"Cmd": ["python"]}, ("node", "index.js"), False),
        ({}, ("sh", "-c", "python app.py"), False),
        ({}, (), False),
    ],
)
def test_python_is_known_by_the_image_or_the_program(
    config: Mapping[str, Any], given: tuple[str, ...], python: bool
) -> None:
    assert is_python(config, given) is python
