"""Who gets the cockpit, and what a page of it may load."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.api.cockpit import pages
from sandbox.api.server import ApiServer
from sandbox.api.shapes import LoginLinkRequest
from sandbox.paths import ProjectPaths
from tests.api.cockpit.test_viewer import ECHO
from tests.api.doors import Doors
from tests.fakes.control import FakeControl


@pytest.fixture
async def doors(paths: ProjectPaths) -> AsyncIterator[Doors]:
    """With a terminal UI that writes its arguments and echoes what is typed."""
    source = ECHO.replace("os.environ['COLUMNS']", "sys.argv[1]")
    server = ApiServer(
        FakeControl(),
        project_paths=paths,
        viewer=lambda look: [sys.executable, "-c", source, "look" if look else "steer"],
    )
    bound = socket.create_server(("127.0.0.1", 0))
    await server.start_unix(paths.api_socket)
    await server.start_loopback(bound)
    async with Doors(server, paths, port=bound.getsockname()[1]) as doors:
        yield doors
    await server.close()


async def cookie(doors: Doors, *, look: bool = False) -> dict[str, str]:
    link = doors.server.login_link(LoginLinkRequest(look=look, cockpit=True))
    answer = await doors.knock("GET", link.removeprefix(doors.url))
    assert (answer.status, answer.headers["Location"]) == (303, "/cockpit")
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def test_strangers_get_the_login_page(doors: Doors) -> None:
    answer = await doors.knock("GET", "/cockpit")
    assert answer.status == 401
    assert "terminal.js" not in answer.text


async def test_a_socket_is_for_those_who_logged_in(doors: Doors) -> None:
    assert (await doors.knock("GET", "/cockpit/socket")).code == "not_logged_in"
    foreign = {**await cookie(doors), "Origin": "http://elsewhere.example"}
    assert (await doors.knock("GET", "/cockpit/socket", foreign)).code == "foreign_origin"
    rebound = {**await cookie(doors), "Host": "elsewhere.example"}
    assert (await doors.knock("GET", "/cockpit/socket", rebound)).code == "wrong_host"


async def test_the_page_loads_nothing_from_elsewhere(doors: Doors) -> None:
    answer = await doors.knock("GET", "/cockpit", await cookie(doors))
    assert answer.status == 200
    sources = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert all(source.startswith("/") for source in sources)
    for source in sources:
        assert (await doors.knock("GET", source, await cookie(doors))).status == 200, source
    assert f'"ws://127.0.0.1:{doors.port}/cockpit/socket"' in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';") and "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_nothing_else_is_static(doors: Doors) -> None:
    assert (await doors.ask("GET", "/cockpit/static/cockpit.html")).status == 404


@pytest.mark.parametrize(("look", "what"), [(False, b"steer"), (True, b"look")])
async def test_each_browser_has_a_terminal_of_its_own(doors: Doors, look: bool, what: bytes) -> None:
    headers = await cookie(doors, look=look)
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        url = f"{doors.url}/cockpit/socket?width=80&height=24"
        async with session.ws_connect(url, headers=headers) as one, session.ws_connect(url, headers=headers) as other:
            for browser in (one, other):
                assert (await browser.receive_bytes()).startswith(what)
                assert (await browser.receive_json())[0] == "open_url"
            await one.send_json(["stdin", "hello"])
            assert await one.receive_bytes() == b"hello"
            await other.send_json(["ping", "17"])
            assert await other.receive_json() == ["pong", "17"]
            await other.send_json(["resize", {"width": 90, "height": 30}])
            assert b"resize" in await other.receive_bytes()
            await other.send_str("no JSON")
            await other.send_json({"neither": "this"})
            await other.send_json(["stdin", "still here"])
            assert await other.receive_bytes() == b"still here"


async def test_there_is_a_limit(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_VIEWERS", 1)
    headers = await cookie(doors)
    url = f"{doors.url}/cockpit/socket"
    async with asyncio.timeout(10), aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as one:
        await one.receive_bytes()
        assert (await doors.knock("GET", "/cockpit/socket", headers)).code == "too_many_viewers"


async def test_the_end_of_the_server_is_the_end_of_the_terminals(doors: Doors) -> None:
    url, headers = f"{doors.url}/cockpit/socket", await cookie(doors)
    async with asyncio.timeout(10), aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as one:
        await one.receive_bytes()
        await doors.server.close()
        assert (await one.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.CLOSE)


async def test_an_audience_changes_nothing(doors: Doors) -> None:
    headers = {**await cookie(doors, look=True), "X-Sandbox": "1"}
    assert (await doors.knock("GET", "/api/status", headers)).status == 200
    assert (await doors.knock("POST", "/api/services/orders/stop", headers)).code == "looks_only"
    assert (await doors.knock("POST", "/api/traffic/explain", headers, json={"service": "orders"})).status == 200
    here = {"X-Sandbox-Look": "1"}
    assert (await doors.locally("POST", "/api/stop", here)).code == "looks_only"
    assert (await doors.locally("GET", "/api/status", here)).status == 200
