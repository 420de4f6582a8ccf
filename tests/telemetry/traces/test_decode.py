"""Spans of the proxy, as the bytes that it sends."""

from __future__ import annotations

import pytest

from sandbox.telemetry import otlp_schema
from sandbox.telemetry.traces.decode import Decoded, decode
from tests.telemetry.traces.build import TRACE

SPAN = "b7ad6b7169203331"


def pair(key: str, value: str) -> bytes:
    message = otlp_schema.new("KeyValue")
    message.key, message.value.string_value = key, value
    data: bytes = message.SerializeToString()
    return data


def decoded(*attributes: bytes) -> Decoded:
    request = otlp_schema.new("TraceRequest", lenient=True)
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), kind=2, attributes=attributes)
    )
    span.start_time_unix_nano, span.end_time_unix_nano = 1_800_000_000_000_000_000, 1_800_000_000_250_000_000
    return decode(request, {"127.0.0.1:8000": "mill-v1-1"}.get, from_proxy=True)


def test_what_envoy_says_of_a_hop() -> None:
    said = {
        "upstream_cluster": "edge|orders|mill|v1|8000",
        "upstream_address": "127.0.0.1:8000",
        "http.method": "GET",
        "http.url": "http://mill:8000/flour?kind=rye",
        "http.status_code": "503",
        "response_flags": "UF,URX",
        "inbound_flags": "-",
        "rule": "mill.1",
    }
    [(trace, span)] = decoded(*(pair(key, value) for key, value in said.items())).spans
    assert (trace, span.id, span.service, span.name, span.error) == (TRACE, SPAN, "mill", "GET /flour", True)
    assert span.attributes == {
        "caller": "orders",
        "callee": "mill",
        "version": "v1",
        "instance": "mill-v1-1",
        "upstream": "127.0.0.1:8000",
        "http.method": "GET",
        "http.path": "/flour?kind=rye",
        "http.host": "mill:8000",
        "http.status_code": "503",
        "response_flags": "UF,URX",
        "rule": "mill.1",
    }


@pytest.mark.parametrize("length", [10, 500, 5000])
def test_a_value_of_any_length_is_read_and_cut(length: int) -> None:
    [(_, span)] = decoded(pair("rule", "x" * length)).spans
    assert span.attributes["rule"] == "x" * min(length, 1024)


def test_what_a_client_wrote_need_not_be_text_nor_make_sense() -> None:
    """Twice, since what is alike is read once."""
    for _ in range(2):
        [(_, span)] = decoded(b"\xff\xff\xff", pair("rule", "mill.1"), b"\n\x04rule\x12\x04\n\x02\xff\xfe").spans
        assert span.attributes["rule"] == "\ufffd\ufffd"


@pytest.mark.parametrize("host", ["[mill", "mill]", "\u2100"])
def test_a_host_that_is_none_is_told_as_it_came(host: str) -> None:
    [(_, span)] = decoded(pair("http.url", f"http://{host}/flour?kind=rye")).spans
    assert (span.attributes["http.host"], span.attributes["http.path"]) == (host, "/flour?kind=rye")


def test_what_a_service_says_moves_no_readers_cursor() -> None:
    request = otlp_schema.new("TraceRequest")
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "mi\x1b[2Jll"
    span = resource.scope_spans.add().spans.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN))
    span.name, span.start_time_unix_nano, span.end_time_unix_nano = "grind\n\x9b2J", 1, 2
    span.attributes.add(key="\x07key").value.string_value = "two\nlines\x1b]0;title\x07"
    span.events.add(name="\x1bc").attributes.add(key="exception.message").value.string_value = "\x1b[31mno flour"

    [(_, found)] = decode(request, lambda _: None, from_proxy=False).spans
    assert (found.service, found.name) == ("mi [2Jll", "grind  2J")
    assert found.attributes == {" key": "two\nlines ]0;title "}
    assert [what for _, what in found.events] == [" c:  [31mno flour"]
