"""Environments with a real uv and packages made here, so that no network is needed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.buildpack import python
from sandbox.runtime.buildpack.folder import read_folder
from sandbox.runtime.buildpack.python import PythonEnvironments, key_of, read_manifest, uv_environment


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """An index of one package, `crumb`, with a script."""
    place = tmp_path / "wheels" / "crumb"
    place.mkdir(parents=True)
    for version in ("1.0", "2.0"):
        info = f"crumb-{version}.dist-info"
        with zipfile.ZipFile(place / f"crumb-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr("crumb.py", f"version = {version!r}\ndef main():\n    print('crumb', version)\n")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: crumb\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ncrumb = crumb:main\n")
            wheel.writestr(f"{info}/RECORD", "")
    links = (f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in place.iterdir())
    (place / "index.html").write_text("".join(links))
    return place.parent


@pytest.fixture
def host(wheels: Path) -> dict[str, str]:
    """An environment in which the wheels are all there is."""
    return {"PATH": os.environ["PATH"], "HOME": str(wheels), "UV_DEFAULT_INDEX": wheels.as_uri()}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    place.mkdir()
    (place / "requirements.txt").write_text("crumb==1.0\n")
    return place


def run(environment: Path, *argv: str) -> str:
    program = environment / "bin" / argv[0]
    return subprocess.check_output([program, *argv[1:]], text=True, cwd="/").strip()


@contextmanager
def index_server(folder: Path) -> Iterator[str]:
    """Serves the wheels over HTTP as an index, at the address it gives."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


async def test_what_is_required_is_installed_once(
    paths: ProjectPaths, host: dict[str, str], app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    place = await PythonEnvironments(paths, host).prepare("orders", read_folder(app), said.append)
    assert run(place, "crumb") == "crumb 1.0"
    assert said

    monkeypatch.setattr(python, "find_uv", lambda: pytest.fail("uv was asked for again"))
    started = time.perf_counter()
    assert await PythonEnvironments(paths, host).prepare("orders", read_folder(app), said.append) == place
    assert time.perf_counter() - started < 0.05


async def test_a_service_sees_its_own_packages_only(paths: ProjectPaths, host: dict[str, str], app: Path) -> None:
    place = await PythonEnvironments(paths, host).prepare("orders", read_folder(app), print)
    program = "import importlib.util as u; print(u.find_spec('crumb') is not None, u.find_spec('sandbox'))"
    assert run(place, "python", "-c", program) == "True None"
    assert run(place, "python", "-c", "import sys; print(sys.prefix)") == str(place)


async def test_the_same_environment_is_built_once(paths: ProjectPaths, host: dict[str, str], app: Path) -> None:
    environments = PythonEnvironments(paths, host)
    said: list[str] = []
    found = await asyncio.gather(*(environments.prepare("orders", read_folder(app), said.append) for _ in range(5)))
    assert len(set(found)) == 1
    assert said == ["installed from the local cache"]


async def test_other_requirements_are_another_environment(paths: ProjectPaths, host: dict[str, str], app: Path) -> None:
    environments = PythonEnvironments(paths, host)
    first = await environments.prepare("orders", read_folder(app), print)
    (app / "requirements.txt").write_text("-r more.txt\n")
    (app / "more.txt").write_text("crumb==2.0\n")
    second = await environments.prepare("orders", read_folder(app), print)
    assert run(second, "crumb") == "crumb 2.0"
    (app / "more.txt").write_text("crumb\n")
    third = await environments.prepare("orders", read_folder(app), print)
    assert len({first, second, third}) == 3


async def test_old_environments_are_removed_but_none_in_use(
    paths: ProjectPaths, host: dict[str, str], app: Path
) -> None:
    made = []
    for number in range(4):
        (app / "requirements.txt").write_text(f"crumb==1.0 # {number}\n")
        place = await PythonEnvironments(paths, host).prepare("orders", read_folder(app), print)
        os.utime(place, (number, number))
        made.append(place)
    (paths.environments / "orders-web-0123456789abcdef").mkdir()
    environments = PythonEnvironments(paths, host)
    await environments.prepare("orders", read_folder(app), print)
    os.utime(made[3], (0, 0))
    (app / "requirements.txt").write_text("crumb==2.0\n")
    await environments.prepare("orders", read_folder(app), print)
    assert [place.exists() for place in made] == [False, False, True, True]
    assert (paths.environments / "orders-web-0123456789abcdef").exists()


async def test_a_failure_shows_the_words_of_uv_and_leaves_nothing(
    paths: ProjectPaths, host: dict[str, str], app: Path
) -> None:
    (app / "requirements.txt").write_text("crumb==9.9\n")
    said: list[str] = []
    with pytest.raises(RuntimeFailure, match=r"crumb==9\.9") as failure:
        await PythonEnvironments(paths, host).prepare("orders", read_folder(app), said.append)
    assert failure.value.place == "orders"
    assert "requirements.txt" in failure.value.hint
    assert any("crumb" in line for line in said)
    assert list(paths.environments.iterdir()) == []


async def test_a_network_that_is_down_is_named(paths: ProjectPaths, host: dict[str, str], app: Path) -> None:
    unreachable = {"PATH": host["PATH"], "HOME": host["HOME"], "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    unreachable["UV_HTTP_RETRIES"] = "0"
    with pytest.raises(RuntimeFailure) as failure:
        await PythonEnvironments(paths, unreachable).prepare("orders", read_folder(app), print)
    assert "network" in failure.value.hint


async def test_a_warm_cache_needs_no_network(paths: ProjectPaths, wheels: Path, app: Path) -> None:
    said: list[str] = []
    with index_server(wheels) as url:
        host = {"PATH": os.environ["PATH"], "HOME": str(wheels), "UV_DEFAULT_INDEX": url}
        await PythonEnvironments(paths, host).prepare("orders", read_folder(app), said.append)
        assert any("crumb==1.0" in line for line in said)
    said.clear()
    place = await PythonEnvironments(paths, host).prepare("till", read_folder(app), said.append)
    assert run(place, "crumb") == "crumb 1.0"
    assert said == ["installed from the local cache"]


async def test_cancelling_leaves_nothing(paths: ProjectPaths, host: dict[str, str], app: Path) -> None:
    preparing = asyncio.ensure_future(PythonEnvironments(paths, host).prepare("orders", read_folder(app), print))
    async with asyncio.timeout(10):
        while not list(paths.environments.iterdir()):
            await asyncio.sleep(0)
    preparing.cancel()
    await asyncio.gather(preparing, return_exceptions=True)
    assert list(paths.environments.iterdir()) == []


async def test_what_a_crash_left_half_done_is_made_anew(paths: ProjectPaths, host: dict[str, str], app: Path) -> None:
    key = key_of(read_manifest(read_folder(app)), read_folder(app))
    half = paths.environments / f".orders-{key}.new"
    (half / "lib").mkdir(parents=True)
    place = await PythonEnvironments(paths, host).prepare("orders", read_folder(app), print)
    assert run(place, "crumb") == "crumb 1.0"
    assert not half.exists()


async def test_a_folder_that_requires_nothing_gets_the_bare_environment(
    paths: ProjectPaths, host: dict[str, str], app: Path
) -> None:
    (app / "requirements.txt").unlink()
    environments = PythonEnvironments(paths, host)
    first = await environments.prepare("orders", read_folder(app), print)
    assert await environments.prepare("till", read_folder(app), print) == first
    assert run(first, "python", "-c", "print('runs')") == "runs"


async def test_a_project_without_a_build_system_installs_its_dependencies(
    paths: ProjectPaths, host: dict[str, str], app: Path
) -> None:
    (app / "requirements.txt").unlink()
    (app / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "1"\ndependencies = ["crumb<2"]\n')
    place = await PythonEnvironments(paths, host).prepare("orders", read_folder(app), print)
    assert run(place, "crumb") == "crumb 1.0"
    assert {path.name for path in app.iterdir()} == {"pyproject.toml"}


async def test_a_lock_file_is_followed(paths: ProjectPaths, host: dict[str, str], app: Path) -> None:
    (app / "requirements.txt").unlink()
    project = '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["crumb"]\n'
    lock = [python.find_uv(), "lock", "--quiet", "--python", python.base_python()]
    for wish in ("crumb<2", "crumb"):  # locked at 1.0, and the wish that allows 2.0 keeps to it
        (app / "pyproject.toml").write_text(project.replace("crumb", wish))
        subprocess.run(lock, cwd=app, env=uv_environment(host), check=True)
    place = await PythonEnvironments(paths, host).prepare("orders", read_folder(app), print)
    assert run(place, "python", "-c", "import crumb; print(crumb.version)") == "1.0"
    assert not (app / ".venv").exists()


def test_pips_settings_count_for_uv() -> None:
    host = {
        "PIP_INDEX_URL": "https://index",
        "PIP_FIND_LINKS": "/a /b",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "x",
    }
    found = uv_environment({**host, "PYTHONPATH": "x"})
    assert (found["UV_DEFAULT_INDEX"], found["UV_FIND_LINKS"]) == ("https://index", "/a,/b")
    assert found["HTTPS_PROXY"] == "http://proxy"
    assert "PYTHONPATH" not in found
    assert uv_environment({**host, "UV_DEFAULT_INDEX": "https://mine"})["UV_DEFAULT_INDEX"] == "https://mine"
