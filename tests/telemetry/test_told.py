from __future__ import annotations

import pytest

from sandbox.telemetry.columns import EdgeKey
from sandbox.telemetry.told import Told, tell

CALLERS = {"20001": "store"}
STEAMER = EdgeKey("orders", "steamer", "v1")


def outcome(cluster: str, code: int, flags: str, details: str, source: str = "", said: str = "-") -> Told | None:
    return tell(f"outcome.n.c.{cluster}.r.{code}.f.{flags}.x.{said}.s.{source}.d.{details}", CALLERS)


def test_of_what_reached_the_cluster_only_the_reason_is_new() -> None:
    told = outcome("edge|orders|steamer|v1|8000", 504, "UT", "response_timeout", said="UT")

    assert told == Told(STEAMER, ("out.504.UT.response_timeout", "flag.UT"))


@pytest.mark.parametrize(
    ("code", "said", "column"),
    [(503, "FI", "faults"), (429, "RL", "rate_limited"), (503, "UO", "overflows"), (403, "denied", "denied")],
)
def test_what_a_filter_behind_the_edge_answered_is_known_by_what_it_says(code: int, said: str, column: str) -> None:
    told = outcome("edge|orders|steamer|v1|8000~", code, "-", "via_upstream", said=said)

    assert told == Told(STEAMER, (f"out.{code}.{said}.via_upstream", f"flag.{said}", column))


def test_what_led_to_no_instance_is_a_request_too() -> None:
    denied = outcome("denied|orders|steamer|8000", 403, "-", "via_upstream", said="denied")
    broken = outcome("broken|-|steamer|8000", 502, "UPE", "upstream_reset", source="20001")

    assert denied == Told(
        EdgeKey("orders", "steamer", ""),
        ("out.403.denied.via_upstream", "flag.denied", "denied", "requests", "code.403", "client_errors"),
    )
    assert broken == Told(
        EdgeKey("store", "steamer", ""),
        ("out.502.UPE.upstream_reset", "flag.UPE", "faults", "requests", "code.502", "errors"),
    )


def test_who_left_before_an_answer_is_counted_apart() -> None:
    told = outcome("edge|orders|steamer|v1|8000", 0, "DC", "downstream_remote_disconnect")

    assert told == Told(STEAMER, ("out.0.DC.downstream_remote_disconnect", "flag.DC", "cancelled", "code.0"))


@pytest.mark.parametrize("flags", ["UT", "DC,UT", "SI"])
def test_how_long_a_request_took_that_ran_into_a_time_limit_belongs_to_its_edge(flags: str) -> None:
    assert tell(f"outcome.t.f.{flags}.c.edge|orders|steamer|v1|8000~.s.orders", CALLERS) == Told(STEAMER, ())


@pytest.mark.parametrize(
    "name", ["f.UF.c.edge|orders|steamer|v1|8000.s.x", "f.UT.c.undeclared|steamer|v1|8000.s.20001"]
)
def test_other_failures_are_none_of_its_times_and_undeclared_calls_are_timed_themselves(name: str) -> None:
    assert tell(f"outcome.t.{name}", CALLERS) is None


@pytest.mark.parametrize(
    ("code", "columns"),
    [
        ("200", ("route.web rule 1",)),
        ("404", ("route.web rule 1",)),
        ("503", ("route.web rule 1", "route_errors.web rule 1")),
        ("0", ("route.web rule 1", "route_errors.web rule 1")),
    ],
)
def test_requests_from_outside_tell_the_rule_that_led_them_on(code: str, columns: tuple[str, ...]) -> None:
    web = EdgeKey("gateway", "web", "v1")

    assert tell(f"route.n.r.{code}.c.edge|gateway|web|v1|8000.d.web rule 1", {}) == Told(web, columns, "web rule 1")


def test_a_rule_may_lead_nowhere_and_no_rule_somewhere() -> None:
    nowhere = EdgeKey("gateway", "", "")

    assert tell("route.n.r.301.c..d.web rule 2", {}) == Told(nowhere, ("route.web rule 2",), "web rule 2")
    assert tell("route.t.c..d.", {}) == Told(nowhere, (), "-")


def test_delays_are_faults() -> None:
    told = tell("http.inbound.fault.orders|steamer.delays_injected", {})

    assert told == Told(EdgeKey("orders", "steamer", ""), ("faults",))


@pytest.mark.parametrize(
    ("source", "edge"),
    [
        ("gateway", EdgeKey("gateway", "", "")),
        ("edge|store|orders|8000", EdgeKey("store", "orders", "")),
        ("published|db|5432", EdgeKey("gateway", "db", "")),
        ("store", EdgeKey("store", "", "")),
    ],
)
def test_a_request_without_a_cluster_is_known_by_where_it_came_in(source: str, edge: EdgeKey) -> None:
    told = outcome("", 404, "-", "direct_response", source)

    assert told == Told(edge, ("out.404.-.direct_response", "requests", "code.404", "client_errors"))


@pytest.mark.parametrize("source", ["20001", "store"])
def test_who_calls_what_it_does_not_declare_is_known_by_port_or_chain(source: str) -> None:
    assert tell("call.n.r.403.a.0.c.denied|store|orders|8000.s.20001.h.orders", CALLERS) is None
    inside = tell(f"call.n.r.200.a.1.c.undeclared|orders|2.0|8000.s.{source}.h.orders:8000", CALLERS)
    outside = tell(f"call.n.r.503.a.3.c.outside.s.{source}.h.api.example.com:443", CALLERS)

    assert inside == Told(EdgeKey("store", "orders", "2.0"), ("requests", "code.200"))
    assert outside == Told(
        EdgeKey("store", "api.example.com", "external"), ("requests", "code.503", "errors", "retries", "retries")
    )


@pytest.mark.parametrize(("kind", "columns"), [("t", ()), ("i", ("bytes_in",)), ("o", ("bytes_out",))])
def test_durations_and_bytes_of_such_calls_belong_to_the_same_edge(kind: str, columns: tuple[str, ...]) -> None:
    edge = EdgeKey("store", "a.example", "external")

    assert tell(f"call.{kind}.c.outside.s.store.h.a.example", {}) == Told(edge, columns)


def test_anything_else_is_not_told() -> None:
    assert tell("cluster.edge|a|b|v1|80.upstream_rq_total", {}) is None
    assert tell("outcome.of.something", {}) is None
