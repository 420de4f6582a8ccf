"""Counting, and how a summary reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.load import words
from sandbox.load.destination import as_caller, from_outside
from sandbox.load.plan import Destination, Plan
from sandbox.load.tally import Latencies, Outcome, Tally
from tests.fakes import data

PLAN = Plan(
    destination=Destination(base="http://x", host=None, way="through the gateway", caller="gateway"), service="orders"
)


@given(st.lists(st.floats(1e-5, 100), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_right_to_two_percent(values: list[float], share: float) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    ordered = sorted(values)
    exact = ordered[max(0, -(-int(share * 1000) * len(values) // 1000) - 1)]

    found = latencies.quantile(share)
    assert found is not None
    assert found == pytest.approx(exact, rel=0.02)
    assert found <= latencies.longest


def test_none_have_no_quantile() -> None:
    assert Latencies().quantile(0.5) is None


def test_the_summary_of_a_hard_time() -> None:
    tally = Tally(not_sent=7, unfinished=2)
    for number in range(9):
        tally.add(Outcome(200), meant=0.0, started=0.02 * number, ended=0.02 * number + 0.1)
    tally.add(Outcome(None, "the connection was refused"), meant=0, started=0, ended=0.1)

    assert list(words.summary(PLAN, tally, 2.0)) == [
        "GET / of orders through the gateway: 10 requests in 2.0 s, 5.0/s of 10/s",
        "  200                                9   90.0%",
        "  the connection was refused         1   10.0%",
        "  latency  p50 179 ms · p90 260 ms · p99 260 ms · max 260 ms, from the moment each was meant to start",
        "  8 started more than 10 ms late, the latest by 160 ms: 32 at a time are not enough, or the machine is busy",
        "  7 were not sent: too many waited already; ask for fewer (--rps)",
        "  2 had no answer yet when it ended",
    ]
    assert words.live(PLAN, tally, 2.0).startswith("2 s of 60 s · 5.0/s · 9 of 10 answered · 1 failed · p50 ")


def test_before_the_first_answer_there_are_no_latencies() -> None:
    assert words.live(PLAN, Tally(), 0.0) == "0 s of 60 s · 0.0/s · 0 answered"
    assert words.as_json(PLAN, Tally(), 0.0)["latency"]["max"] is None


def test_the_way_to_a_service() -> None:
    storefront, orders, _ = data.services()
    status = data.project()
    public = from_outside(status, storefront)
    assert public is not None
    assert (public.base, public.host) == (status.gateway, "storefront.localhost:8080")
    assert from_outside(status, orders) is None

    as_storefront = as_caller("pan-try", "storefront", {"PAN_TRY_URL": "http://127.0.0.1:9123"})
    assert (as_storefront.base, as_storefront.host, as_storefront.caller) == (
        "http://127.0.0.1:9123",
        "pan-try",
        "storefront",
    )
