"""Traces as waterfalls, and requests as they happen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.cli.main import main
from sandbox.cli.style import Style
from sandbox.cli.table import display_width
from sandbox.cli.waterfall import short_time, waterfall
from sandbox.control import Span, TappedRequest, TapQuery, Trace, TraceQuery, TraceSummary
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]

ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def hop(id: str, parent: str | None, service: str, start: float, duration: float, **more: object) -> Span:
    given: dict[str, object] = {"error": False, "from_proxy": True, "attributes": {"http.status_code": "200"}, **more}
    return Span(
        id=id,
        parent=parent,
        service=service,
        name=f"GET /{service}",
        kind="server",
        start=1000.0 + start,
        duration=duration,
        **given,  # type: ignore[arg-type]
    )


BUN = Trace(
    id=ID,
    complete=True,
    spans=(
        hop("a", None, "storefront", 0.0, 0.1, story="went to v1"),
        hop("b", "a", "orders", 0.01, 0.08, error=True, attributes={"http.status_code": "503"}),
        hop("c", "b", "steamer", 0.02, 0.03, story="rule canary chose v2; 1.5 s left of 2 s", skewed=True),
        hop("d", None, "pantry", 0.06, 0.02, orphan=True),
    ),
)

LINES = """\
trace 4bf92f3577b34da6a3ce929d0e0e4736
00:16:40, 100 ms, 4 spans of 4 services

  storefront GET /storefront           200   100 ms ████████████████████████████
   orders GET /orders                  503  80.0 ms   ██████████████████████
~   steamer GET /steamer               200  30.0 ms      ████████
     rule canary chose v2; 1.5 s left of 2 s
? pantry GET /pantry                   200  20.0 ms                 ██████
? what called this never told of it
~ its clock differs from its caller's"""


def test_a_waterfall(bakery: FakeControl, capsys: Output) -> None:
    bakery.traces.known[ID] = BUN
    assert main(["trace", "4bf9"]) == 0
    assert capsys.readouterr().out.rstrip() == LINES


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_terminal_whatever_services_are_called(width: int) -> None:
    names = ("包子" * 30, "x" * 300, "a b")
    spans = tuple(hop(str(n), str(n - 1) if n else None, names[n % 3], n / 100, 0.5) for n in range(30))
    lines = list(waterfall(Trace(id=ID, spans=spans, complete=False), Style(False), width))
    assert max(map(display_width, lines[3:])) <= max(width, 48)


def test_json_is_the_whole_trace(bakery: FakeControl, capsys: Output) -> None:
    bakery.traces.known[ID] = BUN
    assert main(["trace", ID, "-o", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["id"], len(said["spans"]), said["spans"][1]["error"]) == (ID, 4, True)


def test_an_unknown_one(bakery: FakeControl, capsys: Output) -> None:
    assert main(["trace", "ffff"]) == 2
    assert "no such trace" in capsys.readouterr().err


def test_a_list_and_what_is_asked_for(bakery: FakeControl, capsys: Output) -> None:
    bakery.traces.summaries = (
        TraceSummary(
            id=ID,
            start=1000.0,
            duration=0.25,
            root="gateway POST /api/buns",
            service="storefront",
            status=503,
            error=True,
            spans=14,
            services=("storefront",),
        ),
    )
    asked = "--errors --slow --min 300ms --service mill --route /api --status 503 --attribute version=v2 -n 5"
    assert main(["trace", *asked.split()]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "TIME      TRACE         STATUS  TOOK    SPANS  WHAT",
        "00:16:40  4bf92f3577b3  503     250 ms  14     gateway POST /api/buns",
    ]
    assert bakery.traces.queries == [
        TraceQuery(
            service="mill",
            route="/api",
            status=503,
            errors=True,
            min_duration=0.3,
            attribute="version=v2",
            limit=5,
            slowest=True,
        )
    ]


def test_none_says_how_many_are_kept(bakery: FakeControl, capsys: Output) -> None:
    assert main(["trace"]) == 0
    assert capsys.readouterr().out == (
        "no trace fits; up to 20 requests a second are traced, at the moment every request\n"
    )


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("all", "every request is traced"),
        ("off", "no request is traced"),
        ("5", "up to 5 requests a second are traced, at the moment every request"),
    ],
)
def test_how_many_are_traced(bakery: FakeControl, capsys: Output, word: str, said: str) -> None:
    assert main(["trace", "--sample", word]) == 0
    assert capsys.readouterr().out == f"{said}\n"


@pytest.mark.parametrize("words", [["--status", "5xx"], ["-n", "0"], ["--sample", "many"], ["--min", "soon"]])
def test_what_is_no_number(bakery: FakeControl, capsys: Output, words: list[str]) -> None:
    assert main(["trace", *words]) == 2
    assert words[1] in capsys.readouterr().err


REQUEST = TappedRequest(
    at=1000.0,
    caller="mill",
    callee="pantry",
    version="v1",
    instance="pantry-v1-1",
    method="GET",
    path="/wheat",
    status=503,
    flags="UF,URX",
    duration=0.0123,
    trace=ID,
    attempts=3,
    dropped=7,
)


def test_requests_as_they_happen(bakery: FakeControl, capsys: Output) -> None:
    bakery.traces.tapped = (REQUEST,)
    assert main(["tap", "pantry", "--from", "mill", "--status", "5XX", "--method", "get", "--path", "/w"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "… 7 more fitted and are left out",
        "00:16:40 mill → pantry-v1-1             GET /wheat               503  12.3 ms (3 attempts);"
        " the connection to the instance failed; every retry failed, too",
    ]
    assert bakery.traces.queries == [
        TapQuery(service="pantry", caller="mill", method="get", path="/w", status="5xx", per_second=50.0)
    ]


def test_nothing_in_a_request_moves_the_cursor(bakery: FakeControl, capsys: Output) -> None:
    bakery.traces.tapped = (replace(REQUEST, path="/\x9b2Jwheat", flags="UF,\x9b3J"),)
    assert main(["tap"]) == 0
    said = capsys.readouterr().out
    assert "GET / 2Jwheat" in said
    assert said.endswith(";  3J\n")


def test_tap_as_json_ends_after_so_many(bakery: FakeControl, capsys: Output) -> None:
    bakery.traces.tapped = (REQUEST,) * 5
    assert main(["tap", "-n", "2", "-o", "json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["status"] for one in said] == [503, 503]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.40 ms"), (0.0123, "12.3 ms"), (0.456, "456 ms"), (0.9999, "1 s"), (2.5, "2.5 s"), (1234.0, "1234 s")],
)
def test_short_times(seconds: float, text: str) -> None:
    assert short_time(seconds) == text
