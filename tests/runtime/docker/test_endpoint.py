"""Where an engine is looked for, and what people read when none can be used."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pwd
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.docker import endpoint
from sandbox.runtime.docker.endpoint import Endpoint, find, ping
from tests.docker_engine import RealEngine
from tests.runtime.home import project_paths


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Short enough for sockets. There is no engine in the default place."""
    with project_paths() as paths:
        monkeypatch.setattr(endpoint, "DEFAULT", paths.home / "none.sock")
        yield paths.home


def context(home: Path, name: str, url: str) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": url}}}))


# --- where ----------------------------------------------------------------------------------------------------------


def test_what_the_environment_names_comes_first(folder: Path) -> None:
    context(folder, "desktop", "unix:///desktop.sock")
    environ = {"HOME": str(folder), "DOCKER_HOST": "unix:///here.sock", "DOCKER_CONTEXT": "desktop"}
    assert find(environ) == Endpoint("unix:///here.sock", "DOCKER_HOST")
    del environ["DOCKER_HOST"]
    assert find(environ) == Endpoint("unix:///desktop.sock", "the context desktop")


def test_the_current_context_is_the_docker_commands(folder: Path) -> None:
    context(folder, "colima", "unix:///colima.sock")
    config = folder / ".docker" / "config.json"
    config.write_text('{"currentContext": "colima"}')
    assert find({"HOME": str(folder)}) == Endpoint("unix:///colima.sock", "the context colima")
    assert find({"DOCKER_CONFIG": str(config.parent)}).origin == "the context colima"
    for unusable in ('{"currentContext": "default"}', '{"currentContext": "gone"}', '{"currentContext": 7}', "[]", "{"):
        config.write_text(unusable)
        assert find({"HOME": str(folder)}).origin == "the default socket"


def test_engines_that_run_for_a_user_alone_are_found(folder: Path) -> None:
    environ = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}
    places = {"podman/podman.sock": "Podman", "docker.sock": "the rootless engine"}
    for place, origin in places.items():
        path = folder / "run" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert find(environ) == Endpoint(f"unix://{path}", origin)


def test_without_any_the_default_place_is_named(folder: Path) -> None:
    assert find({"HOME": str(folder)}) == Endpoint(f"unix://{folder}/none.sock", "the default socket")


# --- whether it can be used -----------------------------------------------------------------------------------------


async def refusal(url: str) -> tuple[str, str]:
    with pytest.raises(RuntimeFailure) as failure:
        await ping(Endpoint(url, "DOCKER_HOST"))
    assert failure.value.place == "docker"
    return failure.value.message, failure.value.hint


async def test_an_engine_that_answers(engine: RealEngine) -> None:
    await ping(engine.endpoint)


async def test_an_engine_elsewhere_is_refused() -> None:
    message, hint = await refusal("tcp://10.0.0.5:2376")
    assert "another machine (tcp://10.0.0.5:2376)" in message
    assert "unset DOCKER_HOST" in hint


async def test_no_engine(folder: Path) -> None:
    message, hint = await refusal(f"unix://{folder}/none.sock")
    assert message == f"there is no engine at {folder}/none.sock"
    assert hint == "install Docker or Podman, or start it; or unset DOCKER_HOST, which names it"


async def test_an_engine_that_was_stopped(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(folder / "e.sock"))
    message, hint = await refusal(f"unix://{folder}/e.sock")
    assert message == f"no engine runs behind {folder}/e.sock"
    assert "systemctl start docker" in hint


async def test_a_socket_that_is_not_for_us(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder.chmod(0o755)
    async with listening(folder / "e.sock", b""):
        (folder / "e.sock").chmod(0o600)
        with somebody():
            message, hint = await refusal(f"unix://{folder}/e.sock")
    assert message == f"you may not use {folder}/e.sock"
    assert "usermod -aG docker" in hint


async def test_what_is_no_engine(folder: Path) -> None:
    async with listening(folder / "e.sock", b"HTTP/1.1 404 Not Found\r\n\r\n"):
        assert "is no Docker engine" in (await refusal(f"unix://{folder}/e.sock"))[0]
    async with listening(folder / "f.sock", b""):
        assert "is no Docker engine" in (await refusal(f"unix://{folder}/f.sock"))[0]


async def test_an_engine_that_hangs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.05)
    async with listening(folder / "e.sock", None):
        message, hint = await refusal(f"unix://{folder}/e.sock")
    assert "does not answer within 0.05 s" in message
    assert hint


@asynccontextmanager
async def listening(path: Path, answer: bytes | None) -> AsyncIterator[None]:
    """Answers everything alike. None: never."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await done.wait()
        writer.write(answer or b"")
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        done.set()
        server.close()
        await server.wait_closed()


@contextmanager
def somebody() -> Iterator[None]:
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
