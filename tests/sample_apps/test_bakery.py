"""Buying buns from six plain processes."""

from __future__ import annotations

import re
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.integration.harness import eventually
from tests.sample_apps.street import BAKERY, BY_NAME, Bakery, declared, running, send

pytestmark = pytest.mark.network

FOLDERS = sorted(file.parent.name for file in BAKERY.glob("*/app.py"))
TRACE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "shop=1",
    "baggage": "customer=ada",
    "x-request-id": "bun-1",
    "x-canary": "true",
}


def test_a_bun_touches_every_service(bakery: Bakery) -> None:
    story = bakery.buy_one()

    assert story["message"] == "One classic white bun with red bean paste. Enjoy!"
    assert [(hop["service"], hop["instance"]) for hop in story["path"]] == [
        ("storefront", "storefront-v1-1"),
        ("orders", "orders-v1-1"),
        ("steamer", "steamer-v1-1"),
        ("kneader", "kneader-v1-1"),
        ("mill", "mill-v1-1"),
        ("pantry", "pantry-v1-1"),  # wheat
        ("pantry", "pantry-v1-1"),  # filling
    ]
    assert all(hop["version"] == "v1" and hop["ms"] > 0 and hop["job"] for hop in story["path"])
    times = [hop["ms"] for hop in story["path"][:6]]
    assert times == sorted(times, reverse=True)  # each waits for the next


def test_the_new_steamer_makes_another_bun(bakery: Bakery) -> None:
    old, new = bakery.buy_one(), bakery.buy_one(x_canary="true")

    assert old["path"][2]["instance"] == "steamer-v1-1"
    assert new["path"][2]["instance"] == "steamer-v2-1"
    assert all(old["bun"][trait] != new["bun"][trait] for trait in ("name", "color", "topping"))


def test_trace_headers_reach_every_service(bakery: Bakery) -> None:
    bakery.board.calls.clear()
    bakery.buy_one(**TRACE)

    assert {(call.caller, call.callee) for call in bakery.board.calls} == {
        ("storefront", "orders"),
        ("orders", "steamer"),
        (BY_NAME, "pantry"),  # orders says http://pantry:8000/ and leaves the rest to HTTP_PROXY
        ("steamer", "kneader"),
        ("kneader", "mill"),
        ("mill", "pantry"),
    }
    for call in bakery.board.calls:
        assert {name: call.headers.get(name) for name in TRACE} == TRACE, call.callee


def test_no_header_is_made_up(bakery: Bakery) -> None:
    bakery.board.calls.clear()
    bakery.buy_one()

    assert all(name not in call.headers for call in bakery.board.calls for name in TRACE)


def test_the_pantry_drops_one_sack_in_five_and_the_mill_jams_on_one_in_four(bakery: Bakery) -> None:
    bought = [bakery.buy() for _ in range(20)]

    dropped = [story for status, story in bought if status == 503]
    assert len(dropped) == 4
    for story in dropped:
        assert story["failed"] == "pantry"
        assert story["message"].startswith("the pantry dropped sack")
        assert [hop["service"] for hop in story["path"] if "error" in hop] == ["pantry"]
        assert len(story["path"]) == 7

    mills = [hop for _, story in bought for hop in story["path"] if hop["service"] == "mill"]
    jammed = [hop for hop in mills if hop.get("note") == "the stones jammed"]
    assert len(jammed) in {4, 5}  # 4 when one of the jams met a dropped sack
    assert all(hop["ms"] >= 400 for hop in jammed)


@pytest.mark.parametrize(
    ("callee", "hops"), [("orders", 2), ("steamer", 4), ("kneader", 5), ("mill", 6), ("pantry", 7)]
)
def test_what_the_network_says_in_place_of_a_callee_is_told(bakery: Bakery, callee: str, hops: int) -> None:
    bakery.board.refuse[callee] = (504, "upstream request timeout")
    try:
        status, story = bakery.buy()
    finally:
        bakery.board.refuse.clear()

    assert (status, story["failed"]) == (504, callee)
    assert (
        story["message"]
        == f"no answer from {'' if callee == 'orders' else 'the '}{callee} (504): upstream request timeout"
    )
    assert callee in {hop["service"] for hop in story["path"] if "error" in hop}
    assert len(story["path"]) == hops


@pytest.mark.parametrize("name", [name for name, keys in declared().items() if "depends_on" in keys])
def test_a_callee_that_is_not_there_is_named(python: Path, tmp_path: Path, name: str) -> None:
    nowhere = {f"{callee.upper()}_URL": "http://127.0.0.1:9" for callee in declared()}
    ways = {"storefront": ("POST", "/api/buns"), "orders": ("POST", "/orders"), "steamer": ("GET", "/bun")}
    method, path = ways.get(name, ("GET", {"kneader": "/dough", "mill": "/flour"}.get(name, "")))

    with running(python, BAKERY / name, tmp_path / "log", HTTP_PROXY="http://127.0.0.1:9", **nowhere) as service:
        status, answer = service.ask(path, method)
        assert (status, answer["failed"]) == (502, declared()[name]["depends_on"][0])
        assert "Traceback" not in service.log.read_text()


def test_one_line_a_request_and_none_for_health_checks(bakery: Bakery) -> None:
    before = {who: len(service.lines()) for who, service in bakery.services.items()}
    for service in bakery.services.values():
        service.ask("/healthz")
    bakery.buy()

    def new(who: str) -> list[str]:
        return bakery.services[who].lines()[before[who] :]

    once = set(bakery.services) - {"steamer v2", "pantry"}
    eventually(lambda: len(new("pantry")) >= 2 and all(new(who) for who in once), 5)  # some print after they answered
    assert new("steamer v2") == []
    assert sorted(line.split()[1] for line in new("pantry")) == ["/filling", "/wheat"]
    assert all(re.fullmatch(r"(GET|POST) /\S+ \d{3} [\d.]+ ms: .+", "\n".join(new(who))) for who in once)


def test_the_page_is_served(bakery: Bakery) -> None:
    status, body = send(bakery.services["storefront"].port, "GET", "/", {})

    assert status == 200
    assert b"<title>The Bakery</title>" in body


@pytest.mark.parametrize("folder", FOLDERS)
def test_sigterm_ends_it_at_once_even_with_an_open_connection(python: Path, tmp_path: Path, folder: str) -> None:
    with (
        running(python, BAKERY / folder, tmp_path / "log") as service,
        socket.create_connection(("127.0.0.1", service.port)) as caller,
    ):
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.recv(1024).startswith(b"HTTP/1.1 200")
        asked = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(5) in {0, -signal.SIGTERM}
        assert time.monotonic() - asked < 1
        assert "Traceback" not in service.log.read_text()
