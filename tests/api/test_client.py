"""The client is a Control: what goes in at one end of the socket comes out at the other."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from sandbox.api.client import Client
from sandbox.api.clients import transport as client_module
from sandbox.api.errors import VersionMismatchError
from sandbox.control import Control, ExecSpec, LogQuery, UpRequest
from sandbox.errors import ExitCode, NotFoundError, NotRunningError, SandboxError
from sandbox.paths import ProjectPaths
from tests.api.doors import Doors, impostor
from tests.fakes import data
from tests.fakes.control import FakeControl


async def test_every_method_arrives(client: Client, control: FakeControl) -> None:
    request = UpRequest(files=("/a.yaml", "/b.yaml"), profiles=("lite",), runtime="process", project="bakery")
    await client.start()
    await client.stop(["orders"])
    await client.restart(["orders", "steamer"])
    await client.scale("steamer", 2, "v1")
    await client.apply(request)
    spec = await client.exec_spec("orders", ["env", "-0"])
    await client.down()
    assert control.calls == [
        ("start", ()),
        ("stop", ("orders",)),
        ("restart", ("orders", "steamer")),
        ("scale", "steamer", 2, "v1"),
        ("apply", request),
        ("exec_spec", "orders", ("env", "-0")),
        ("down",),
    ]
    assert spec == ExecSpec(argv=("env", "-0"), cwd="/apps/bakery/orders", environment={"PORT": "43121"})


async def test_answers_are_equal_at_both_ends(client: Client, control: FakeControl) -> None:
    both: list[Control] = [client, control]
    query = LogQuery(services=("orders", "steamer"), tail=5, since=data.NOW + 0.5, until=data.NOW + 1.5)
    for one, other in [both]:
        assert await one.status() == await other.status()
        assert await one.telemetry() == await other.telemetry()
        assert [event async for event in one.events(after=1)] == [event async for event in other.events(after=1)]
        assert [line async for line in one.logs(query)] == [line async for line in other.logs(query)]


@pytest.mark.parametrize("name", ["ovne", "a/b", "../down", "a?b#c", "sn☃w", "%2e"])
async def test_names_are_only_names(client: Client, control: FakeControl, name: str) -> None:
    with pytest.raises(NotFoundError) as raised:
        await client.scale(name, 1)
    assert raised.value.place == name
    assert control.calls == []


async def test_one_client_asks_several_things_at_once(client: Client, control: FakeControl) -> None:
    async with client:
        answers = await asyncio.gather(*(client.status() for _ in range(20)))
    assert answers == [data.project()] * 20


async def test_a_large_answer_arrives_whole(client: Client, control: FakeControl) -> None:
    crowd = tuple(data.instance(f"orders-v1-{number}") for number in range(5000))
    control.statuses[0] = data.project(data.service("orders", instances=crowd))
    assert (await client.status()).services[0].instances == crowd


async def test_a_missing_socket_means_not_running(paths: ProjectPaths) -> None:
    with pytest.raises(NotRunningError) as raised:
        await Client(paths.api_socket).status()
    assert (raised.value.exit_code, raised.value.hint) == (ExitCode.NOT_RUNNING, "run: sandbox up")


async def test_a_socket_that_nobody_serves_means_not_running(paths: ProjectPaths) -> None:
    async with await asyncio.start_unix_server(lambda reader, writer: None, paths.api_socket):
        pass
    assert paths.api_socket.exists()
    with pytest.raises(NotRunningError, match="is not running"):
        await Client(paths.api_socket).status()


async def test_a_supervisor_that_says_nothing_is_given_up(paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_STREAM_PATIENCE", 0.05)
    async with impostor(paths.api_socket, answer=None):
        with pytest.raises(SandboxError, match="does not answer"):
            [event async for event in Client(paths.api_socket).events()]


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
async def test_something_else_on_the_socket_is_no_traceback(paths: ProjectPaths, answer: bytes) -> None:
    async with impostor(paths.api_socket, answer):
        with pytest.raises(SandboxError):
            await Client(paths.api_socket).status()


async def test_another_version_is_named_and_down_still_works(
    doors: Doors, client: Client, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "__version__", "9.9.9")
    with pytest.raises(VersionMismatchError, match=r"the supervisor is of version .*, this is 9\.9\.9") as raised:
        await client.status()
    assert raised.value.hint == "run: sandbox down && sandbox up"
    await client.down()
    assert control.calls == [("down",)]


async def test_a_login_link(doors: Doors, client: Client) -> None:
    link = await client.login_link()
    assert (await doors.knock("GET", link.removeprefix(doors.url))).status == 303


def test_importing_the_client_is_cheap() -> None:
    """Every command pays for it: aiohttp alone would be a fifth of a second."""
    script = "import sys, sandbox.api.client; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "h11" in loaded
    assert not {"aiohttp", "pydantic", "grpc", "textual", "yaml"} & set(loaded)
