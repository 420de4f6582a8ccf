"""Services' own telemetry, sent over a real socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from sandbox.telemetry.otlp import MOST_BYTES, OtlpReceiver
from sandbox.telemetry.otlp_schema import new

KEY = "secret-key"
PROTOBUF = {"Content-Type": "application/x-protobuf", "x-sandbox-key": KEY}
THREE_SPANS = bytes.fromhex(
    "0a9a010a1a0a180a0c736572766963652e6e616d6512080a066f726465727312410a060a0464656d6f122e0a100101010101010101010101010101"
    "0101120802020202020202022a05474554202f3002390000faed5172861812072a05746869726412390a060a0464656d6f122f0a10010101010101"
    "01010101010101010101120802020202020202022a0653454c4543543002390000faed51728618"
)
SIX_POINTS = bytes.fromhex(  # gauge, sum, two of a histogram, exponential histogram, summary; and a metric without any
    "0a5e125c12100a01672a0b0a0921000000000000f83f12100a01733a0b0a09310300000000000000121b0a01684a160a092101000000000000000a"
    "0921020000000000000012070a016552020a0012070a01795a020a0012070a05656d707479"
)
TWO_LOG_RECORDS = bytes.fromhex("0a121210120c1a04494e464f2a040a0268691200")
"""Requests as opentelemetry-proto 1.45 encodes them."""

JSON = {"Content-Type": "application/json", "x-sandbox-key": KEY}


class Door:
    def __init__(self, receiver: OtlpReceiver, http: ClientSession, port: int) -> None:
        self.receiver = receiver
        self.http = http
        self.port = port

    async def post(self, signal: str, body: bytes, headers: dict[str, str]) -> tuple[ClientResponse, bytes]:
        url = f"http://127.0.0.1:{self.port}/v1/{signal}"
        async with self.http.post(url, data=BytesIO(body), headers=headers) as response:
            return response, await response.read()

    def counts(self, signal: str) -> tuple[int, int]:
        return self.receiver.counts[signal].items, self.receiver.counts[signal].refused


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    receiver = OtlpReceiver(KEY)
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        await receiver.start(sock)
        async with ClientSession() as http:
            yield Door(receiver, http, sock.getsockname()[1])
        await receiver.close()


def said(message: str, body: bytes) -> Any:
    answer = new(message)
    answer.ParseFromString(body)
    return answer


async def test_spans_are_counted_and_said_not_to_be_kept(door: Door) -> None:
    response, body = await door.post("traces", THREE_SPANS, PROTOBUF)

    partial = said("TraceResponse", body).partial_success
    assert (response.status, response.content_type) == (200, "application/x-protobuf")
    assert (partial.rejected_spans, door.counts("traces")) == (3, (3, 0))
    assert partial.error_message == "traces are counted here, but not kept"


async def test_data_points_of_every_kind_are_counted(door: Door) -> None:
    _, body = await door.post("metrics", SIX_POINTS, PROTOBUF)

    assert said("MetricsResponse", body).partial_success.rejected_data_points == 6
    assert door.counts("metrics") == (6, 0)


async def test_log_records_are_counted(door: Door) -> None:
    _, body = await door.post("logs", TWO_LOG_RECORDS, PROTOBUF)

    assert said("LogsResponse", body).partial_success.rejected_log_records == 2


async def test_json_is_answered_in_json(door: Door) -> None:
    span = {"traceId": "5b8efff798038103d269b633813fc60c", "name": "x", "kind": 2, "keyOfTomorrow": 1}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    response, answer = await door.post("traces", body, JSON)

    assert (response.status, response.content_type) == (200, "application/json")
    assert json.loads(answer)["partialSuccess"]["rejectedSpans"] == "1"


async def test_an_empty_request_is_a_full_success(door: Door) -> None:
    response, body = await door.post("traces", b"", PROTOBUF)

    assert (response.status, body) == (200, b"")


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_packed_bodies_are_unpacked(door: Door, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    body = pack(THREE_SPANS)

    response, _ = await door.post("traces", body, {**PROTOBUF, "Content-Encoding": encoding})

    assert (response.status, door.counts("traces")) == (200, (3, 0))


@pytest.mark.parametrize(
    ("change", "body", "status", "reason"),
    [
        ({"x-sandbox-key": "wrong"}, b"", 401, "x-sandbox-key is missing or wrong"),
        ({"x-sandbox-key": ""}, b"", 401, "OTEL_EXPORTER_OTLP_HEADERS"),
        ({"Host": "evil.example"}, b"", 403, "localhost only"),
        ({"Content-Type": "text/plain"}, b"", 415, "send application/x-protobuf or application/json"),
        ({"Content-Encoding": "br"}, b"", 415, "gzip or deflate"),
        ({}, b"\xff\xff\xff", 400, "can't be read"),
        ({"Content-Encoding": "gzip"}, b"not gzip", 400, "is not gzip"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"abc", mtime=0)[:-9], 400, "ends too early"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"", mtime=0) * 2, 400, "something follows"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"\0" * 2 * MOST_BYTES, mtime=0), 413, "more than 4 MiB"),
        ({}, b"\0" * (MOST_BYTES + 1), 413, "more than 4 MiB"),
    ],
)
async def test_what_is_refused_and_why(
    door: Door, change: dict[str, str], body: bytes, status: int, reason: str
) -> None:
    response, answer = await door.post("traces", body, PROTOBUF | change)

    assert response.status == status
    assert reason in said("Status", answer).message
    assert door.counts("traces") == (0, 1)


async def test_a_key_of_bytes_that_are_no_text_is_a_wrong_key(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    host = f"Host: localhost:{door.port}".encode()
    head = b"POST /v1/traces HTTP/1.1", host, b"Content-Length: 0", b"x-sandbox-key: \xff\xfe"

    writer.write(b"\r\n".join([*head, b"", b""]))

    assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
    writer.close()


async def test_broken_json_is_refused_in_json(door: Door) -> None:
    response, answer = await door.post("logs", b'{"resourceLogs": 7', JSON)

    assert response.status == 400
    assert "can't be read" in json.loads(answer)["message"]


async def test_other_methods_and_paths_are_not_served(door: Door) -> None:
    async with door.http.get(f"http://127.0.0.1:{door.port}/v1/traces") as response:
        assert response.status == 405
    async with door.http.post(f"http://127.0.0.1:{door.port}/v1/profiles") as response:
        assert response.status == 404
