from __future__ import annotations

import pytest

from sandbox.telemetry.columns import EdgeKey
from sandbox.telemetry.told import Told, tell

CALLERS = {"20001": "store"}
STEAMER = EdgeKey("orders", "steamer", "v1")


def outcome(cluster: str, code: int, flags: str, details: str, source: str = "") -> Told | None:
    return tell(f"outcome.n.c.{cluster}.r.{code}.f.{flags}.s.{source}.d.{details}", CALLERS)


def test_of_what_reached_the_cluster_only_the_reason_is_new() -> None:
    told = outcome("edge|orders|steamer|v1|8000", 504, "UT", "response_timeout")

    assert told == Told(STEAMER, ("out.504.UT.response_timeout", "flag.UT"))


@pytest.mark.parametrize(
    ("code", "flags", "details", "more"),
    [
        (503, "FI", "fault_filter_abort", ("flag.FI", "faults", "requests", "code.503", "errors")),
        (429, "RL", "local_rate_limited", ("flag.RL", "rate_limited", "requests", "code.429", "client_errors")),
        (
            403,
            "-",
            "rbac_access_denied_matched_policy[none]",
            ("denied", "requests", "code.403", "client_errors"),
        ),
        (200, "DI", "via_upstream", ("flag.DI", "faults")),
        (0, "DC", "downstream_remote_disconnect", ("flag.DC", "cancelled")),
    ],
)
def test_what_a_filter_answered_is_a_request_too(code: int, flags: str, details: str, more: tuple[str, ...]) -> None:
    told = outcome("edge|orders|steamer|v1|8000", code, flags, details)

    assert told is not None
    assert told.columns == (f"out.{code}.{flags}.{details}", *more)


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
    inside = tell(f"call.n.r.200.c.undeclared|orders|2.0|8000.s.{source}.h.orders:8000", CALLERS)
    outside = tell(f"call.n.r.503.c.outside.s.{source}.h.api.example.com:443", CALLERS)

    assert inside == Told(EdgeKey("store", "orders", "2.0"), ("requests", "code.200"))
    assert outside == Told(EdgeKey("store", "api.example.com", "external"), ("requests", "code.503", "errors"))


def test_durations_of_such_calls_belong_to_the_same_edge() -> None:
    assert tell("call.t.c.outside.s.store.h.a.example", {}) == Told(EdgeKey("store", "a.example", "external"), ())


def test_anything_else_is_not_told() -> None:
    assert tell("cluster.edge|a|b|v1|80.upstream_rq_total", {}) is None
    assert tell("outcome.of.something", {}) is None
