"""The loopback port, as every page in every browser of the machine can reach it."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.doors import INTENT, Doors
from tests.fakes.control import FakeControl


async def test_a_stranger_learns_nothing(doors: Doors) -> None:
    for path in ("/api/status", "/api/version", "/api/openapi.json", "/api/events", "/api/nothing", "/favicon.ico"):
        answer = await doors.knock("GET", path)
        assert (answer.status, answer.code) == (401, "not_logged_in")
        assert "X-Sandbox-Version" not in answer.headers


async def test_the_token_lets_a_script_in(doors: Doors) -> None:
    assert (await doors.knock("GET", "/api/status", doors.bearer)).json["project"] == "bakery"


async def test_prometheus_comes_in_with_the_token_as_well(doors: Doors, control: FakeControl) -> None:
    control.metrics.exposition = "up 1\n"

    stranger = await doors.knock("GET", "/metrics")
    answer = await doors.knock("GET", "/metrics", doors.bearer)

    assert (stranger.status, stranger.code) == (401, "not_logged_in")
    assert (answer.status, answer.text) == (200, "up 1\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("value", ["Bearer wrong", "Bearer ", "Bearer", "Basic {token}", "{token}", "Bearer \xe9"])
async def test_anything_but_the_token_does_not(doors: Doors, value: str) -> None:
    token = doors.paths.token.read_text().strip()
    answer = await doors.knock("GET", "/api/status", {"Authorization": value.format(token=token)})
    assert answer.code == "not_logged_in"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
async def test_our_own_names_are_served(doors: Doors, host: str) -> None:
    answer = await doors.ask("GET", "/api/status", {"Host": f"{host}:{doors.port}"})
    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost", "localhost:80", "127.0.0.1:{port}0", ""],
)
async def test_a_rebound_name_is_refused_even_with_the_token(doors: Doors, host: str) -> None:
    answer = await doors.ask("GET", "/api/status", {"Host": host.format(port=doors.port)})
    assert (answer.status, answer.code) == (421, "wrong_host")


async def test_the_host_is_checked_before_anything_is_looked_up(doors: Doors) -> None:
    for path in ("/", "/login?code=x", "/static/style.css", "/nothing"):
        assert (await doors.knock("GET", path, {"Host": "evil.example"})).code == "wrong_host"


@pytest.mark.parametrize(
    "head",
    [
        "GET /api/status HTTP/1.1\r\n",  # no Host
        "GET /api/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n",
        "GET http://evil.example/api/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n",
    ],
)
async def test_ambiguous_hosts_are_refused(doors: Doors, head: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.port)
    token = f"Authorization: {doors.bearer['Authorization']}\r\n"
    writer.write((head.format(port=doors.port) + token + "Connection: close\r\n\r\n").encode())
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith(("HTTP/1.1 421", "HTTP/1.0 400", "HTTP/1.1 400"))
    assert "bakery" not in answer


async def test_our_own_pages_may_ask(doors: Doors) -> None:
    assert (await doors.ask("GET", "/api/status", {"Origin": doors.url})).status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://localhost:{port}"]
)
async def test_other_sites_may_not(doors: Doors, control: FakeControl, origin: str) -> None:
    headers = {"Origin": origin.format(port=doors.port)}
    assert (await doors.ask("POST", "/api/down", headers)).code == "foreign_origin"
    assert (await doors.ask("GET", "/api/status", headers)).code == "foreign_origin"
    assert control.calls == []


async def test_no_site_is_ever_given_permission(doors: Doors) -> None:
    preflight = {"Origin": doors.url, "Access-Control-Request-Method": "POST"}
    answer = await doors.ask("OPTIONS", "/api/down", preflight)
    assert answer.status == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("headers", [{}, {"X-Sandbox": "0"}, {"X-Sandbox": ""}])
async def test_a_change_needs_the_header_a_form_cannot_send(
    doors: Doors, control: FakeControl, headers: dict[str, str]
) -> None:
    cookie = await doors.log_in()
    answer = await doors.knock("POST", "/api/down", {**cookie, **headers})
    assert (answer.status, answer.code) == (403, "missing_header")
    assert control.calls == []
    assert (await doors.knock("POST", "/api/down", {**cookie, **INTENT})).status == 204
    assert control.calls == [("down",)]


async def test_nothing_changes_by_get(doors: Doors, control: FakeControl) -> None:
    for path in ("/api/down", "/api/stop", "/api/services/orders/stop"):
        answer = await doors.ask("GET", path)
        assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "POST")
    assert control.calls == []


async def test_files_and_commands_are_not_for_browsers(doors: Doors, control: FakeControl) -> None:
    for method, path in (("POST", "/api/exec"), ("PUT", "/api/project"), ("POST", "/api/login-link")):
        assert (await doors.ask(method, path, json={})).status == 404
    assert control.calls == []


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/status", "/api/events", "/api/nothing", "/login"])
async def test_every_answer_is_hardened(doors: Doors, path: str) -> None:
    for headers in (doors.bearer, {}, {"Host": "evil.example"}):
        answer = await doors.knock("GET", path, headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'self'; frame-ancestors 'none'"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_unix_socket_needs_no_token_but_the_header(doors: Doors, control: FakeControl) -> None:
    assert (await doors.locally("GET", "/api/status")).status == 200
    assert (await doors.locally("POST", "/api/down", {"X-Sandbox": ""})).code == "missing_header"
    assert control.calls == []


async def test_another_user_is_refused_at_the_unix_socket(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 54321)
    answer = await doors.locally("GET", "/api/status")
    assert (answer.status, answer.code) == (403, "other_user")
