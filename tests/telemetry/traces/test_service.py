"""Spans of services, sent by the real SDK and by hand; and what is handed on."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from sandbox.control import LogLevel, TraceQuery
from sandbox.errors import NotFoundError, UsageError
from sandbox.model import OtlpExport
from sandbox.runtime.logformat import recognise
from sandbox.telemetry import otlp_logs as logs
from sandbox.telemetry.otlp import OtlpReceiver
from sandbox.telemetry.otlp_schema import new
from sandbox.telemetry.traces import export, ingest, rebuilt
from sandbox.telemetry.traces.decode import Decoded, decode
from sandbox.telemetry.traces.export import Body, Exporter
from tests.telemetry.traces import sdk
from tests.telemetry.traces.build import TRACE, record
from tests.telemetry.traces.conftest import Desk

KEY = "secret"
NOBODY = OtlpExport(endpoint="http://127.0.0.1:1")
PROTOBUF = {"Content-Type": "application/x-protobuf", "x-sandbox-key": KEY}

PROGRAM = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("bakery")
with tracer.start_as_current_span("bake", attributes={"buns": 3, "hot": True, "kinds": ["rye", "spelt"]}) as span:
    try:
        with tracer.start_as_current_span("knead", kind=trace.SpanKind.CLIENT):
            raise ValueError("no flour")
    except ValueError:
        pass
provider.shutdown()
print(f"{span.get_span_context().trace_id:032x}")
"""


LOGS = """
import logging
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
provider = LoggerProvider()
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))
with TracerProvider().get_tracer("bakery").start_as_current_span("bake") as span:
    logging.getLogger("oven").error("no %s", "flour", extra={"buns": 3})
provider.shutdown()
print(f"{span.get_span_context().trace_id:032x}")
"""


@pytest.fixture
async def door(desk: Desk) -> AsyncIterator[str]:
    async with receiving(OtlpReceiver(KEY, keep=desk.service.arrived)) as url:
        yield url


@asynccontextmanager
async def receiving(receiver: OtlpReceiver) -> AsyncIterator[str]:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        await receiver.start(sock)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        await receiver.close()


async def of_the_sdk(program: str, door: str, factory: pytest.TempPathFactory, **variables: str) -> str:
    """What a program with the real SDK prints; installed once for all of this module."""
    folder = factory.getbasetemp() / "otel-sdk"
    python = folder / "bin" / "python"
    if not python.exists():
        await asyncio.to_thread(sdk.install, folder)
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": door,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-sandbox-key={KEY}",
        "OTEL_SERVICE_NAME": "oven",
        "PYTHONWARNINGS": "ignore",  # the SDK's logs are still to be declared stable
        **variables,
    }
    return await asyncio.to_thread(sdk.run, python, program, environment)


def request(count: int, trace: str = TRACE) -> Any:
    message = new("TraceRequest")
    resource = message.resource_spans.add()
    name = resource.resource.attributes.add(key="service.name")
    name.value.string_value = "oven"
    scope = resource.scope_spans.add()
    for number in range(count):
        span = scope.spans.add(name="bake", kind=2, start_time_unix_nano=10**18, end_time_unix_nano=10**18 + 10**6)
        span.trace_id, span.span_id = bytes.fromhex(trace), (number + 1).to_bytes(8, "big")
        for key in ("http.request.method", "http.route", "server.address", "network.protocol.version"):
            span.attributes.add(key=key).value.string_value = "something"
    return message


async def post(door: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    async with ClientSession() as http, http.post(f"{door}/v1/traces", data=body, headers=headers) as response:
        return response.status, await response.read()


@pytest.mark.parametrize("compression", ["gzip", "none"])
async def test_the_real_sdk(desk: Desk, door: str, tmp_path_factory: pytest.TempPathFactory, compression: str) -> None:
    said = await of_the_sdk(PROGRAM, door, tmp_path_factory, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    found = await desk.trace(said.strip(), 2)
    bake, knead = found.spans
    assert (bake.service, bake.name, knead.parent, knead.kind) == ("oven", "bake", bake.id, "client")
    assert {key: bake.attributes[key] for key in ("buns", "hot", "kinds")} == {
        "buns": "3",
        "hot": "true",
        "kinds": "[rye, spelt]",
    }
    assert (bake.error, knead.error) == (False, True)
    assert knead.events[0][1] == "exception: ValueError: no flour"


async def test_the_real_sdks_logs_are_lines_of_their_service(tmp_path_factory: pytest.TempPathFactory) -> None:
    lines: list[tuple[str, str, str]] = []

    def take(service: str, version: str, found: Sequence[str]) -> bool:
        lines.extend((service, version, line) for line in found)
        return True

    receiver = OtlpReceiver(KEY, keep=lambda arrival: logs.kept(arrival, take))
    async with receiving(receiver) as door:
        resource = "service.version=v2"
        trace = await of_the_sdk(LOGS, door, tmp_path_factory, OTEL_RESOURCE_ATTRIBUTES=resource)

    [(service, version, line)] = lines
    recognised = recognise(line)
    assert (service, version) == ("oven", "v2")
    assert (recognised.level, recognised.trace, recognised.message) == (LogLevel.ERROR, trace.strip(), "no flour")
    assert json.loads(line)["buns"] == "3"


async def test_a_raw_client_in_json_and_packed(desk: Desk, door: str) -> None:
    span = {
        "traceId": TRACE,
        "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "eee19b7ec3c1b173",
        "name": "by hand",
        "kind": 2,
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "attributes": [{"key": "answer", "value": {"intValue": "42"}}],
        "status": {"code": 2, "message": "burnt"},
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "x-sandbox-key": KEY}
    assert await post(door, gzip.compress(body), headers) == (200, b"{}")
    (found,) = (await desk.trace(TRACE, 1)).spans
    assert (found.id, found.service, found.orphan, found.error) == ("eee19b7ec3c1b174", "unknown", True, True)
    assert (found.start, found.duration) == (1544712660.0, 1.0)
    assert found.attributes == {"answer": "42", "status.message": "burnt"}


async def test_spans_that_cannot_be_are_counted(desk: Desk, door: str) -> None:
    message = request(3)
    spans = message.resource_spans[0].scope_spans[0].spans
    spans[0].trace_id, spans[1].end_time_unix_nano = b"", 5
    assert (await post(door, message.SerializeToString(), PROTOBUF))[0] == 200
    await desk.trace(TRACE, 1)
    now = await desk.service.sampling()
    assert (now.kept, now.dropped) == (1, 2)


async def test_too_much_is_answered_as_not_kept(desk: Desk, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MOST_WAITING", 10)
    status, body = await post(door, request(11).SerializeToString(), PROTOBUF)
    answer = new("TraceResponse")
    answer.ParseFromString(body)
    assert (status, answer.partial_success.rejected_spans) == (200, 11)
    assert answer.partial_success.error_message == "too many spans at a time; send fewer, or sample them"
    assert (await desk.service.sampling()).dropped == 11


async def test_unknown_traces_and_ids_that_are_too_short(desk: Desk, door: str) -> None:
    for first in "ab":
        await post(door, request(1, f"abc{first}{TRACE[4:]}").SerializeToString(), PROTOBUF)
    await desk.trace("abcb", 1)
    with pytest.raises(NotFoundError, match="several traces begin so"):
        await desk.service.get("abc")
    with pytest.raises(NotFoundError, match="no such trace"):
        await desk.service.get("%")


async def test_how_much_is_traced_can_be_changed(desk: Desk) -> None:
    assert desk.shares[-1] == (1.0, 1.0, 1.0)
    assert (await desk.service.sampling(0.0)).per_second == 0
    assert desk.shares[-1] == (0.0, 0.0, 0.0)
    assert (await desk.service.sampling(everything=True)).per_second is None
    assert desk.shares[-1][0] == 1.0
    for wrong in (-1.0, 1e9, float("nan")):
        with pytest.raises(UsageError, match="is no number of traces"):
            await desk.service.sampling(wrong)


async def test_what_the_file_says_holds_from_when_it_changes(desk: Desk) -> None:
    await desk.service.sampling(7.0)
    desk.per_second = 3.0
    async with asyncio.timeout(10):
        while (await desk.service.sampling()).per_second != 3.0:
            await asyncio.sleep(0.02)


# --- handing on


class Collector:
    """Answers as told, then with 200."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, bytes, str]] = []

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.got.append((request.path, body, request.headers.get("x-api-key", "")))
        return web.Response(status=status, headers={"Retry-After": "0"})


async def handed_on(exporter: Exporter, until: Any) -> None:
    running = asyncio.ensure_future(exporter.run())
    async with asyncio.timeout(10):
        while not until():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def collectors() -> AsyncIterator[Any]:
    runners: list[web.AppRunner] = []

    async def start(collector: Collector) -> str:
        app = web.Application()
        app.router.add_post("/{path:.*}", collector.serve)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_all_is_handed_on_and_sent_again_where_that_may_help(collectors: Any) -> None:
    collector, said = Collector(503, 429), list[str]()
    to = OtlpExport(endpoint=await collectors(collector), headers={"x-api-key": "k"})
    exporter = Exporter(lambda: to, said.append, first_pause=0.01)
    assert exporter.offer(Body("traces", b"one", "application/x-protobuf"))
    assert exporter.offer(Body("logs", b"two", "application/json"))
    await handed_on(exporter, lambda: exporter.sent == 2)
    assert collector.got == [("/v1/traces", b"one", "k"), ("/v1/logs", b"two", "k")]
    assert len(said) == 1
    assert "answered 503" in said[0]


async def test_what_is_refused_or_finds_nobody_is_dropped_and_counted(collectors: Any) -> None:
    to = OtlpExport(endpoint=await collectors(Collector(400)))
    exporter = Exporter(lambda: to, lambda _: None, first_pause=0.01)
    exporter.offer(Body("traces", b"one", "application/json"))
    exporter.offer(Body("traces", b"two", "application/json"))
    await handed_on(exporter, lambda: exporter.sent == 1)
    assert exporter.dropped == 1
    nobody = Exporter(lambda: NOBODY, lambda _: None, patience=0.05, first_pause=0.01)
    nobody.offer(Body("traces", b"one", "application/json"))
    await handed_on(nobody, lambda: nobody.dropped == 1)


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_BYTES", 10)
    exporter = Exporter(lambda: NOBODY, lambda _: None)
    assert [exporter.offer(Body("traces", b"12345", "")) for _ in range(3)] == [True, True, False]
    assert exporter.dropped == 1


async def test_where_to_may_change_while_something_waits(collectors: Any) -> None:
    collector = Collector()
    to: list[OtlpExport | None] = [None]
    exporter = Exporter(lambda: to[0], lambda _: to.insert(0, meant), first_pause=0.01)
    meant = OtlpExport(endpoint=await collectors(collector))
    assert not exporter.offer(Body("traces", b"unwanted", ""))
    to[0] = NOBODY
    exporter.offer(Body("traces", b"wanted", ""))
    await handed_on(exporter, lambda: exporter.sent == 1)
    assert [body for _, body, _ in collector.got] == [b"wanted"]
    assert exporter.dropped == 0


async def test_what_waits_when_nobody_wants_it_any_more_is_dropped(collectors: Any) -> None:
    to: list[OtlpExport | None] = [NOBODY]
    exporter = Exporter(lambda: to[0], lambda _: to.insert(0, None), first_pause=0.01)
    exporter.offer(Body("traces", b"one", ""))
    await handed_on(exporter, lambda: exporter.dropped == 1)


async def test_traces_made_of_records_are_handed_on_too(
    desk: Desk, collectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live: the collector is named when all runs already."""
    monkeypatch.setattr(rebuilt, "QUIET", 0.0)
    collector = Collector()
    desk.export = OtlpExport(endpoint=await collectors(collector))
    desk.service.records((record(), record(status=200, duration=0.1)))
    async with asyncio.timeout(20):
        while not collector.got:
            await asyncio.sleep(0.02)
    message = new("TraceRequest")
    message.ParseFromString(collector.got[0][1])
    (span,) = message.resource_spans[0].scope_spans[0].spans
    assert (span.trace_id.hex(), span.name, span.status.code) == (TRACE, "GET /wheat", 2)


async def test_what_cannot_be_read_ends_the_reading_of_nothing_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []

    def fails_at_first(message: Any, *rest: Any, **more: Any) -> Decoded:
        told.append(message)
        if len(told) < 3:
            raise ValueError("nobody thought of this")
        return decode(message, *rest, **more)

    monkeypatch.setattr(ingest, "decode", fails_at_first)
    for _ in range(3):
        desk.service.from_proxy(request(2).SerializeToString())
    await desk.trace(TRACE, 2)
    assert (await desk.service.sampling()).dropped == 4
    assert caplog.messages.count("spans could not be read") == 1


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    for turn in range(2):
        desk = Desk(tmp_path / "traces.db", per_second=20.0)
        await desk.service.open()
        if turn == 0:
            message = request(5)
            desk.service.from_proxy(message.SerializeToString())
        else:
            assert (await desk.trace(TRACE, 5)).complete is False
            assert len(await desk.service.search(TraceQuery())) == 1
        await desk.service.close()
