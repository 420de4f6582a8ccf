"""Traces of records, as a collector gets them."""

from __future__ import annotations

import pytest

from sandbox.telemetry.otlp_schema import new
from sandbox.telemetry.traces import rebuilt
from sandbox.telemetry.traces.hops import record_span
from sandbox.telemetry.traces.rebuilt import QUIET, Rebuilt
from sandbox.telemetry.traces.spans import Batch
from tests.telemetry.traces.build import NOW, TRACE, nowhere, record

OTHER = "1" * 32


def failed(caller: str, callee: str, span: str, began: float, lasted: float, trace: str = TRACE) -> Batch:
    told = record_span(
        record(
            at=NOW + began,
            duration=lasted,
            cluster=f"edge|{caller}|{callee}|v1|8000",
            traceparent=f"00-{trace}-{span}-00",
        ),
        nowhere,
    )
    assert told is not None
    return [told]


def spans_of(body: bytes | None) -> dict[str, tuple[str, str]]:
    """The traces and parents of spans, by their ids."""
    assert body is not None
    message = new("TraceRequest")
    message.ParseFromString(body)
    (resource,) = message.resource_spans
    assert [one.value.string_value for one in resource.resource.attributes] == ["envoy"]
    return {
        span.span_id.hex(): (span.trace_id.hex(), span.parent_span_id.hex()) for span in resource.scope_spans[0].spans
    }


def test_who_called_is_above_although_it_is_told_later() -> None:
    found = Rebuilt()
    found.take(failed("shop", "mill", "b" * 16, 0.1, 0.2), 0.0)
    found.take(failed("gateway", "shop", "a" * 16, 0.0, 0.5), 1.0)

    assert found.ready(1.0 + QUIET - 0.1) is None
    assert spans_of(found.ready(1.0 + QUIET)) == {"a" * 16: (TRACE, ""), "b" * 16: (TRACE, "a" * 16)}
    assert found.ready(1.0 + 2 * QUIET) is None  # once


def test_a_trace_is_handed_on_when_it_is_quiet_whatever_others_do() -> None:
    found = Rebuilt()
    found.take(failed("gateway", "shop", "a" * 16, 0.0, 0.5), 0.0)
    found.take(failed("gateway", "shop", "c" * 16, 0.0, 0.5, OTHER), QUIET)

    assert list(spans_of(found.ready(QUIET))) == ["a" * 16]
    assert list(spans_of(found.ready(2 * QUIET))) == ["c" * 16]


@pytest.mark.parametrize("sent", ["", "00-x-y-00", f"00-{TRACE}-beef-00", f"00-{'g' * 32}-{'a' * 16}-00", f"{TRACE}"])
def test_a_header_that_is_none_makes_no_trace(sent: str) -> None:
    assert record_span(record(traceparent=sent), nowhere) is None


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilt, "MOST_SPANS", 1)
    found = Rebuilt()
    for name in "abc":
        found.take(failed("gateway", "shop", name * 16, 0.0, 0.5), 0.0)

    assert found.dropped == 2
    assert list(spans_of(found.ready(QUIET))) == ["a" * 16]
    found.take(failed("gateway", "shop", "d" * 16, 0.0, 0.5), 10.0)
    assert list(spans_of(found.ready(20.0))) == ["d" * 16]
