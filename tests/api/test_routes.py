"""Each route asks the control for one thing, whichever door it came by."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sandbox import __version__
from sandbox.control import ExecSpec, ProjectStatus, TelemetrySnapshot, UpRequest
from tests.api.doors import Doors
from tests.fakes import data
from tests.fakes.control import FakeControl

APPLY = {"files": ["/apps/bakery/sandbox.yaml"], "profiles": ["lite"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "call"),
    [
        ("POST", "/api/start", None, ("start", ())),
        ("POST", "/api/stop", {"services": ["orders", "steamer"]}, ("stop", ("orders", "steamer"))),
        ("POST", "/api/restart", {}, ("restart", ())),
        ("POST", "/api/services/orders/start", None, ("start", ("orders",))),
        ("POST", "/api/services/orders/stop", None, ("stop", ("orders",))),
        ("POST", "/api/services/orders/restart", None, ("restart", ("orders",))),
        ("PUT", "/api/services/orders/scale", {"replicas": 3}, ("scale", "orders", 3, None)),
        ("PUT", "/api/services/steamer/scale", {"replicas": 0, "version": "v2"}, ("scale", "steamer", 0, "v2")),
        ("PUT", "/api/watch", {"on": False}, ("watch", False)),
        ("POST", "/api/down", None, ("down",)),
    ],
)
async def test_wishes(
    doors: Doors, control: FakeControl, method: str, path: str, body: Any, call: tuple[Any, ...]
) -> None:
    for knock in (doors.locally, doors.ask):
        control.calls.clear()
        answer = await knock(method, path, json=body)
        assert (answer.status, answer.text, control.calls) == (204, "", [call])


async def test_status_is_the_json_of_ps(doors: Doors) -> None:
    answer = await doors.ask("GET", "/api/status")
    assert msgspec.json.decode(answer.text, type=ProjectStatus) == data.project()
    assert answer.json["services"][0]["instances"][0]["started_at"] == "2026-01-01T00:00:00Z"


async def test_telemetry(doors: Doors) -> None:
    answer = await doors.ask("GET", "/api/telemetry")
    assert msgspec.json.decode(answer.text, type=TelemetrySnapshot) == data.telemetry()


async def test_version(doors: Doors) -> None:
    assert (await doors.ask("GET", "/api/version")).json == {"version": __version__}


async def test_events_after_a_sequence(doors: Doors) -> None:
    answer = await doors.ask("GET", "/api/events?after=1")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line)["sequence"] for line in answer.text.splitlines() if line] == [2, 3]


@pytest.mark.parametrize(
    ("query", "services"),
    [
        ("", ["storefront", "orders", "steamer"]),
        ("?service=orders&service=steamer", ["orders", "steamer"]),
        ("?tail=1", ["steamer"]),
        ("?tail=0", []),
        (f"?since={data.NOW + 1}", ["orders", "steamer"]),
        (f"?until={data.NOW}", ["storefront"]),
    ],
)
async def test_logs(doors: Doors, query: str, services: list[str]) -> None:
    answer = await doors.ask("GET", f"/api/logs{query}")
    assert [json.loads(line)["service"] for line in answer.text.splitlines() if line] == services


@pytest.mark.parametrize(("body", "version"), [(None, None), ({"version": "v2"}, "v2")])
async def test_reload(doors: Doors, control: FakeControl, body: Any, version: str | None) -> None:
    answer = await doors.ask("POST", "/api/services/steamer/reload", json=body)
    assert answer.json == {"service": "steamer", "generations": {version or "v1": 3}, "after": 3}
    assert control.calls == [("reload", "steamer", version)]


async def test_apply_is_local(doors: Doors, control: FakeControl) -> None:
    assert (await doors.locally("PUT", "/api/project", json=APPLY)).status == 204
    assert control.calls == [("apply", UpRequest(files=("/apps/bakery/sandbox.yaml",), profiles=("lite",)))]


async def test_exec_is_local(doors: Doors) -> None:
    answer = await doors.locally("POST", "/api/exec", json={"target": "orders", "argv": ["ls", "-l"]})
    assert msgspec.json.decode(answer.text, type=ExecSpec).argv == ("ls", "-l")


async def test_a_login_link_is_given_locally_and_works(doors: Doors) -> None:
    link = (await doors.locally("POST", "/api/login-link")).json["url"]
    assert link.startswith(f"{doors.url}/login?code=")
    assert (await doors.knock("GET", link.removeprefix(doors.url))).status == 303
