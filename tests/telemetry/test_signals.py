from __future__ import annotations

import pytest

from sandbox.control import TelemetrySnapshot
from sandbox.telemetry.columns import EdgeKey
from sandbox.telemetry.signals import Past, window_for
from sandbox.telemetry.stats import Reading

STORE = EdgeKey("gateway", "store", "v1")
ORDERS_V1 = EdgeKey("store", "orders", "v1")
ORDERS_V2 = EdgeKey("store", "orders", "v2")
EPOCH = 1_767_225_600.0


Counts = dict[EdgeKey, dict[str, int]]


def counted(requests: int, errors: int = 0, *, fast: int = 0, slow: int = 0) -> dict[str, int]:
    """`fast` answers of 8 to 10 ms and `slow` ones of 800 to 1000 ms."""
    return {"requests": requests, "errors": errors, "le.10": fast, "le.1000": slow}


def past(*readings: Counts, every: float = 1.0) -> Past:
    found = Past()
    for index, reading in enumerate(readings):
        found.add(index * every, Reading(reading, {}))
    return found


def rate(snapshot: TelemetrySnapshot, service: str) -> float:
    return snapshot.services[service].requests_per_second


def test_before_any_reading_there_is_nothing() -> None:
    snapshot = Past().snapshot(0.0, EPOCH)

    assert (snapshot.at, snapshot.services, snapshot.edges) == (EPOCH, {}, ())


def test_what_was_counted_before_the_first_reading_is_no_news() -> None:
    snapshot = past({STORE: counted(5000)}).snapshot(0.0, EPOCH)

    assert rate(snapshot, "store") == 0.0


def test_rates_are_of_the_window_alone() -> None:
    readings = [{STORE: counted(100 * second)} for second in range(20)]
    readings += [{STORE: counted(1900 + 7 * second)} for second in range(1, 12)]
    snapshot = past(*readings).snapshot(30.0, EPOCH)

    assert (rate(snapshot, "store"), snapshot.services["store"].window) == (7.0, 10.0)


def test_an_edge_that_appears_starts_from_zero() -> None:
    snapshot = past({}, {}, {STORE: counted(8)}).snapshot(2.0, EPOCH)

    assert rate(snapshot, "store") == 4.0


def test_an_idle_edge_stays_with_zeros_and_no_latency() -> None:
    busy, idle = counted(9, fast=9), counted(9, fast=9)
    snapshot = past({}, *[{STORE: busy}] * 3, *[{STORE: idle}] * 12).snapshot(15.0, EPOCH)

    (edge,) = snapshot.edges
    assert (edge.signals.requests_per_second, edge.signals.p50, edge.signals.p99) == (0.0, None, None)
    assert edge.signals.error_ratio == 0.0


def test_a_removed_edge_disappears_once_its_traffic_is_past() -> None:
    readings = [{STORE: counted(1)}, {STORE: counted(2)}, *[{}] * 12]

    assert len(past(*readings[:4]).snapshot(3.0, EPOCH).edges) == 1
    assert past(*readings).snapshot(13.0, EPOCH).edges == ()


def test_a_restart_of_envoy_loses_nothing_and_invents_nothing() -> None:
    readings = [{STORE: counted(1000)}, {STORE: counted(1010)}, {}, {STORE: counted(4)}, {STORE: counted(6)}]

    assert rate(past(*readings).snapshot(4.0, EPOCH), "store") * 4 == pytest.approx(10 + 4 + 2)


def test_after_a_silence_longer_than_the_window_rates_are_zero() -> None:
    found = past({}, {STORE: counted(50)})

    assert rate(found.snapshot(2.0, EPOCH), "store") == 50.0
    assert rate(found.snapshot(30.0, EPOCH), "store") == 0.0


@pytest.mark.parametrize("interval", [0.1, 1.0, 7.0, 60.0])
def test_between_rare_readings_traffic_does_not_seem_to_end(interval: float) -> None:
    found = Past(window_for(interval))
    for reading in range(20):
        found.add(reading * interval, Reading({STORE: counted(round(reading * interval * 10))}, {}))

    assert rate(found.snapshot(19.99 * interval, EPOCH), "store") == pytest.approx(10.0)


def test_a_service_is_the_sum_of_the_edges_that_lead_to_it() -> None:
    end = {ORDERS_V1: counted(90, fast=90), ORDERS_V2: counted(10, 5, slow=10), STORE: counted(1)}
    snapshot = past({}, end).snapshot(1.0, EPOCH)

    orders = snapshot.services["orders"]
    assert (orders.requests_per_second, orders.errors_per_second, orders.error_ratio) == (100.0, 5.0, 0.05)
    assert orders.p50 == pytest.approx(9.11, abs=0.01)
    assert orders.p99 == pytest.approx(980.0)
    assert 9.11 < (orders.p95 or 0.0) <= 980.0
    assert [(edge.caller, edge.callee, edge.version) for edge in snapshot.edges] == [
        ("gateway", "store", "v1"),
        ("store", "orders", "v1"),
        ("store", "orders", "v2"),
    ]


def test_the_past_is_bounded_however_often_it_is_read() -> None:
    found = past(*[{STORE: counted(number)} for number in range(2000)], every=0.001)

    assert len(found._steps) <= 120
    assert rate(found.snapshot(2.0, EPOCH), "store") == pytest.approx(1000.0)


def test_each_reading_tells_what_came_with_it() -> None:
    found = Past()

    assert found.add(1.0, Reading({STORE: counted(5)}, {})) is None
    step = found.add(3.0, Reading({STORE: counted(7), ORDERS_V1: counted(1)}, {STORE: {"active": 2}}))

    assert step is not None
    assert (step.began, step.ended, step.gauges) == (1.0, 3.0, {STORE: {"active": 2}})
    assert step.counted == {STORE: {"requests": 2}, ORDERS_V1: {"requests": 1}}
    assert found.totals == step.counted


def test_hosts_outside_and_what_went_nowhere_are_no_services() -> None:
    outside, nowhere = EdgeKey("store", "example.com", "external"), EdgeKey("gateway", "", "")
    snapshot = past({}, {outside: counted(1), nowhere: counted(1)}).snapshot(1.0, EPOCH)

    assert (snapshot.services, snapshot.edges) == ({}, ())
