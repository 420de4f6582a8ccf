"""Asking for quotes in four languages, all of them plain processes."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sample_apps.street import send, started
from tests.sample_apps.teashop import POLYGLOT, Programs, Teashop, build, declared, missing, open_teashop

TRACE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "shop=1",
    "baggage": "customer=ada",
    "x-request-id": "quote-1",
    "x-canary": "true",
}
EDGES = {("storefront", "cart"), ("cart", "prices"), ("cart", "stock"), ("stock", "depot")}
FOLDERS = sorted(path.name for path in POLYGLOT.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    if tools := missing():
        pytest.skip(f"not installed: {', '.join(tools)}")
    return build(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="module")
def shop(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teashop]:
    with open_teashop(programs, tmp_path_factory.mktemp("logs")) as found:
        yield found


def test_a_quote_passes_through_four_languages(shop: Teashop) -> None:
    story = shop.good_quote("oolong")

    assert re.fullmatch(r"A tin of oolong is 11\.30 EUR and comes in [1-4] days\.", story["message"])
    assert [(hop["service"], hop["instance"], hop["language"].split()[0]) for hop in story["path"]] == [
        ("storefront", "storefront-v1-1", "Node"),
        ("cart", "cart-v1-1", "Go"),
        ("prices", "prices-v1-1", "Java"),
        ("stock", "stock-v1-1", "Python"),
        ("depot", "depot-v1-1", "Java"),
    ]
    assert all(hop["version"] == "v1" and hop["ms"] >= 0 and hop["job"] for hop in story["path"])


def test_the_new_prices_are_in_another_language_and_lower(shop: Teashop) -> None:
    old, new = shop.good_quote(), shop.good_quote(x_canary="true")

    assert old["message"].startswith("A tin of sencha is 8.70 EUR")
    assert new["message"].startswith("A tin of sencha is 7.98 EUR")
    hop = new["path"][2]
    assert (hop["instance"], hop["language"].split()[0]) == ("prices-v2-1", "Go")


def test_both_prices_know_the_same_teas(shop: Teashop) -> None:
    for who in ("prices", "prices v2"):
        for tea in ("assam", "oolong", "sencha"):
            status, answer = shop.services[who].ask(f"/price?tea={tea}")
            assert (status, answer["cents"] > 0) == (200, True)
        status, answer = shop.services[who].ask("/price?tea=%22coffee%5C")
        assert (status, answer["error"], answer["failed"]) == (404, "there is no such tea", "prices")


def test_trace_headers_reach_every_service(shop: Teashop) -> None:
    shop.board.calls.clear()
    shop.good_quote(**TRACE)

    assert {(call.caller, call.callee) for call in shop.board.calls} == EDGES
    for call in shop.board.calls:
        assert {name: call.headers.get(name) for name in TRACE} == TRACE, call.callee


def test_no_header_is_made_up(shop: Teashop) -> None:
    shop.board.calls.clear()
    shop.good_quote()

    assert all(name not in call.headers for call in shop.board.calls for name in TRACE)


def test_the_clerk_is_on_the_ladder_one_time_in_four(shop: Teashop) -> None:
    asked = [shop.quote() for _ in range(12)]

    failed = [story for status, story in asked if status == 503]
    assert [status for status, _ in asked].count(200) == 9
    assert [(story["message"], story["failed"]) for story in failed] == [("the clerk is on the ladder", "stock")] * 3


@pytest.mark.parametrize("callee", sorted({callee for _, callee in EDGES}))
def test_what_the_network_says_in_place_of_a_callee_is_told(shop: Teashop, callee: str) -> None:
    shop.await_the_clerk()
    shop.board.refuse[callee] = (504, "upstream request timeout")
    try:
        status, story = shop.quote()
    finally:
        shop.board.refuse.clear()

    assert (status, story["failed"]) == (504, callee)
    assert re.fullmatch(rf"no answer from (the )?{callee} \(504\): upstream request timeout", story["message"])
    assert callee in {hop["service"] for hop in story["path"] if "error" in hop}


@pytest.mark.parametrize(
    ("name", "path"), [("storefront", "/api/quote?tea=sencha"), ("cart", "/total?tea=sencha"), ("stock", "/tin")]
)
def test_a_callee_that_is_not_there_is_named(programs: Programs, tmp_path: Path, name: str, path: str) -> None:
    nowhere = {f"{callee.upper()}_URL": "http://127.0.0.1:9" for callee in declared()}

    with started(programs[name], POLYGLOT / name, tmp_path / "log", **nowhere) as service:
        status, answer = service.ask(path)
        assert (status, answer["failed"]) == (502, declared()[name]["depends_on"][0])


def test_one_line_a_request_and_none_for_health_checks(shop: Teashop) -> None:
    shop.await_the_clerk()
    before = {who: len(service.lines()) for who, service in shop.services.items()}
    for service in shop.services.values():
        send(service.port, "GET", "/healthz", {})
    assert shop.quote()[0] == 200

    for who, service in shop.services.items():
        lines = service.lines()[before[who] :]
        assert len(lines) == (0 if who == "prices v2" else 1), who
        assert all(re.fullmatch(r"GET /\S+ 200.*: .+", line) for line in lines), lines


@pytest.mark.parametrize("folder", FOLDERS)
def test_sigterm_ends_it_at_once_even_with_an_open_connection(programs: Programs, tmp_path: Path, folder: str) -> None:
    with (
        started(programs[folder], POLYGLOT / folder, tmp_path / "log") as service,
        socket.create_connection(("127.0.0.1", service.port)) as caller,
    ):
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.recv(1024).startswith(b"HTTP/1.1 200")
        asked = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(5) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}  # the last is Java's
        assert time.monotonic() - asked < 1
