"""One shape for whatever goes wrong, and the way back to the class it had."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sandbox.api.client import Client
from sandbox.api.encoding import BODY_LIMIT
from sandbox.api.errors import from_answer, internal_error, to_answer
from sandbox.control import UpRequest
from sandbox.errors import (
    ConfigError,
    Location,
    NotFoundError,
    NotRunningError,
    Problem,
    ProxyError,
    RuntimeFailure,
    SandboxError,
    UsageError,
)
from tests.api.doors import Doors
from tests.fakes.control import FakeControl

CONFIG = ConfigError(
    [
        Problem(Location("sandbox.yaml", 3, 5), "unknown key 'prots'", "did you mean 'ports'?"),
        Problem(Location("sandbox.yaml", 9, 1), "orders depends on itself"),
    ]
)
RAISED = [
    SandboxError("the disk is full", place="/state", hint="free some space"),
    UsageError("has several versions", place="steamer", hint="name one"),
    NotFoundError("no such service", place="ovne"),
    NotRunningError("is stopping"),
    RuntimeFailure("exited with code 1", place="orders"),
    ProxyError("Envoy refused the route"),
    CONFIG,
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_an_error_arrives_as_it_was_raised(client: Client, control: FakeControl, error: SandboxError) -> None:
    control.failures["apply"] = error
    with pytest.raises(type(error)) as raised:
        await client.apply(UpRequest(files=("sandbox.yaml",)))
    arrived = raised.value
    assert type(arrived) is type(error)
    assert (str(arrived), arrived.hint, arrived.code) == (str(error), error.hint, error.code)
    assert getattr(arrived, "problems", ()) == getattr(error, "problems", ())


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_an_error_before_the_first_line_of_a_stream_is_the_answer(
    client: Client, control: FakeControl, error: SandboxError
) -> None:
    control.failures["events"] = error
    with pytest.raises(type(error)):
        [event async for event in client.events(follow=True)]


def test_an_error_of_no_known_class_keeps_its_code() -> None:
    arrived = from_answer(to_answer(internal_error()))
    assert (type(arrived), arrived.code) == (SandboxError, "internal")


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("GET", "/api/nothing", {}, 404, "not_found"),
        ("GET", "//api/status", {}, 404, "not_found"),
        ("GET", "/static/../auth.py", {}, 404, "not_found"),
        ("DELETE", "/api/status", {}, 405, "method_not_allowed"),
        ("POST", "/api/services/ovne/restart", {}, 404, "not_found"),
        ("PUT", "/api/services/orders/scale", {"json": {"replicas": -1}}, 400, "bad_usage"),
        ("PUT", "/api/services/orders/scale", {"json": {"replicas": "3"}}, 400, "bad_usage"),
        ("PUT", "/api/services/orders/scale", {"json": {}}, 400, "bad_usage"),
        ("PUT", "/api/services/orders/scale", {"json": {"replicas": 1, "verison": "v1"}}, 400, "bad_usage"),
        ("POST", "/api/restart", {"json": ["orders"]}, 400, "bad_usage"),
        ("POST", "/api/restart", {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "bad_usage"),
        ("POST", "/api/restart", {"data": b"\xff", "headers": {"Content-Type": "application/json"}}, 400, "bad_usage"),
        ("POST", "/api/restart", {"data": {"services": "orders"}}, 415, "not_json"),
        ("POST", "/api/restart", {"json": {"services": ["x" * BODY_LIMIT]}}, 413, "too_large"),
        ("GET", "/api/logs?tail=-1", {}, 400, "bad_usage"),
        ("GET", "/api/logs?tail=many", {}, 400, "bad_usage"),
        ("GET", "/api/logs?tail=1&tail=2", {}, 400, "bad_usage"),
        ("GET", "/api/logs?since=nan", {}, 400, "bad_usage"),
        ("GET", "/api/logs?sevrice=orders", {}, 400, "bad_usage"),
        ("GET", "/api/logs?service=ovne", {}, 404, "not_found"),
    ],
)
async def test_the_shape(doors: Doors, method: str, path: str, more: dict[str, Any], status: int, code: str) -> None:
    for knock in (doors.locally, doors.ask):
        answer = await knock(method, path, **more)
        assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("values", [b'{"x": "\xff"}', b'{"x": ' + b"[" * 100_000], ids=["no text", "too deep"])
async def test_a_body_that_can_not_be_read_is_no_defect_of_ours(doors: Doors, values: bytes) -> None:
    body = b'{"edits": [{"service": "orders", "action": "replace", "values": ' + values + b"}]}"
    answer = await doors.ask("POST", "/api/traffic/changes", {"Content-Type": "application/json"}, data=body)
    assert (answer.status, answer.code) == (400, "bad_usage")


async def test_nor_is_a_number_that_is_none_of_a_revision(doors: Doors) -> None:
    answer = await doors.ask("GET", f"/api/traffic/revisions/{'9' * 5000}/diff")
    assert (answer.status, answer.code) == (400, "bad_usage")


async def test_a_message_says_what_was_expected(doors: Doors) -> None:
    answer = await doors.ask("PUT", "/api/services/orders/scale", json={"replicas": "3"})
    assert answer.json["error"]["message"] == "Expected `int`, got `str` - at `$.replicas`"


async def test_a_defect_tells_a_client_nothing_and_the_log_everything(
    doors: Doors, control: FakeControl, caplog: pytest.LogCaptureFixture
) -> None:
    control.failures["status"] = RuntimeError("token=hunter2")
    answer = await doors.ask("GET", "/api/status")
    assert (answer.status, answer.code) == (500, "internal")
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert "hunter2" in caplog.text


async def test_a_defect_in_a_stream_is_its_last_line(
    doors: Doors, client: Client, control: FakeControl, caplog: pytest.LogCaptureFixture
) -> None:
    control.failures["logs"] = RuntimeError("token=hunter2")
    with caplog.at_level(logging.CRITICAL):
        answer = await doors.ask("GET", "/api/logs")
    assert (answer.status, answer.code) == (500, "internal")
