"""Live requests, and the heads of the newest."""

from __future__ import annotations

import asyncio
import time

import pytest

from sandbox.control import TappedRequest, TapQuery
from sandbox.telemetry.traces.requests import MOST_HEADS, Requests, matches, tapped
from tests.telemetry.traces.build import nowhere, record


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (TapQuery(), True),
        (TapQuery(service="pantry", caller="mill"), True),
        (TapQuery(service="mill"), False),
        (TapQuery(caller="gateway"), False),
        (TapQuery(method="get", path="kind=rye"), True),
        (TapQuery(method="POST"), False),
        (TapQuery(path="/buns"), False),
        (TapQuery(status="503"), True),
        (TapQuery(status="5xx"), True),
        (TapQuery(status="error"), True),
        (TapQuery(status="2xx"), False),
    ],
)
def test_filters(query: TapQuery, fits: bool) -> None:
    assert matches(query, tapped(record(), nowhere)) is fits


def test_what_is_shown() -> None:
    shown = tapped(record(duration=0.25, flags="UF", attempts=3), lambda address: f"at {address}")
    assert (shown.caller, shown.callee, shown.version, shown.instance) == ("mill", "pantry", "v1", "at 127.0.0.1:4001")
    assert (shown.duration, shown.attempts, shown.flags, shown.status) == (0.25, 3, "UF", 503)
    assert tapped(record(cluster="undeclared|pantry|v1|8000"), nowhere).caller == "undeclared"
    assert tapped(record(cluster="", attempts=0), nowhere).attempts == 1


async def test_a_reader_gets_what_fits_and_hears_what_is_left_out() -> None:
    wanted: list[float] = []
    requests = Requests(nowhere, wanted.append)
    stream = requests.tap(TapQuery(status="5xx", per_second=3))
    first: asyncio.Task[TappedRequest] = asyncio.ensure_future(anext(aiter(stream)))
    while not wanted:
        await asyncio.sleep(0)
    requests.take((record(200), record(503)))
    assert (await first).status == 503
    for tap in requests._taps:
        tap._second, tap._handed = -1, 0  # a second begins
    requests.take((record(500),) * 10)
    got = [await anext(aiter(stream)) for _ in range(3)]
    for tap in requests._taps:
        tap._second = -1
    requests.take((record(501),))
    last = await anext(aiter(stream))
    assert [one.dropped for one in (*got, last)] == [0, 0, 0, 7]
    await stream.aclose()
    assert wanted == [3, 0.0]


def test_heads_are_the_newest_and_bounded() -> None:
    requests = Requests(nowhere, lambda _: None)
    now = time.time()
    requests.take(tuple(record(at=now - 700 + number) for number in range(MOST_HEADS + 100)))
    assert len(requests.recent(1e9)) == MOST_HEADS
    assert all(one.at >= now - 60 for one in requests.recent(60))
