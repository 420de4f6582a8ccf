"""Steady traffic from the command line, against a real web server where something is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.cli.main import main
from sandbox.control import TrickleWish
from tests.fakes import data
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


class Gateway(BaseHTTPRequestHandler):
    """Every third request is answered by the proxy itself."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers["Host"]))
        fails = len(self.asked) % 3 == 0
        self.send_response(503 if fails else 200)
        if fails:
            self.send_header("x-sandbox-reason", "UH")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def gateway(bakery: FakeControl) -> Iterator[list[tuple[str, str, str]]]:
    asked: list[tuple[str, str, str]] = []
    handler = type("Handler", (Gateway,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    bakery.statuses[0] = replace(bakery.statuses[0], gateway=url)
    yield asked
    server.shutdown()
    server.server_close()


def test_a_summary_at_the_end(gateway: list[tuple[str, str, str]], capsys: Output) -> None:
    assert main(["load", "storefront", "--rps", "100", "--for", "300ms", "--path", "/buns"]) == 0

    head, ok, failed, latency, *_ = capsys.readouterr().out.splitlines()
    assert head.startswith("GET /buns of storefront through the gateway: 30 requests in 0.")
    assert ok.split() == ["200", "20", "66.7%"]
    assert failed.split() == ["503", "(UH", "by", "the", "proxy)", "10", "33.3%"]
    assert latency.startswith("  latency  p50 ")
    assert gateway[0] == ("GET", "/buns", "storefront.localhost:8080")


def test_for_scripts(gateway: list[tuple[str, str, str]], capsys: Output) -> None:
    assert main(["load", "storefront", "--rps", "50", "--for", "100ms", "--body", "a bun", "-o", "json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["requests"], found["failed"], found["method"], found["caller"]) == (5, 1, "POST", "gateway")
    assert {"status": 503, "flag": "UH", "count": 1} in found["outcomes"]
    assert 0 < found["latency"]["p50"] <= found["latency"]["max"]


def test_nobody_answers(bakery: FakeControl, capsys: Output) -> None:
    bakery.statuses[0] = replace(bakery.statuses[0], gateway="http://127.0.0.1:1")

    assert main(["load", "storefront", "--rps", "20", "--for", "100ms"]) == 1
    assert "the connection was refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a service to ask"),
        (["nobody"], "nobody: no such service"),
        (["storefront", "--rps", "0"], "--rps: can't ask 0 times a second"),
        (["storefront", "--rps", "nan"], "--rps: can't ask nan times a second"),
        (["storefront", "--rps", "5000"], "--rps: can't ask 5000 times a second"),
        (["storefront", "--concurrency", "0"], "--concurrency: can't have 0 requests at a time"),
        (["storefront", "--path", "buns"], "--path: 'buns' is no path"),
        (["storefront", "--method", "GET IT"], "'GET IT' is no method"),
        (["storefront", "-H", "nothing"], "--header: 'nothing' is no header"),
        (["storefront", "--for", "0"], "--for: should be longer than 0"),
        (["steamer"], "steamer: is not public, and no caller of it runs as a process"),
        (["orders", "--from", "gateway"], "orders: is not public"),
        (["orders", "--from", "nobody"], "nobody: no such service or instance"),
        (["orders", "--from", "storefront"], "storefront: does not call orders"),
    ],
)
def test_what_can_not_be_asked(bakery: FakeControl, capsys: Output, words: list[str], message: str) -> None:
    no_process = replace(data.instance("orders-v1-1"), container="c0ffee")
    orders = data.service("orders", depends_on=("steamer",), instances=(no_process,))
    storefront, _, steamer = data.services()
    bakery.statuses[0] = data.project(storefront, orders, steamer)

    assert main(["load", *words]) in (1, 2)
    told = capsys.readouterr().err
    assert told.startswith(f"error: {message}")
    assert "hint: " in told or "nobody" in words


def test_a_body_from_a_file_that_is_not_there(bakery: FakeControl, capsys: Output) -> None:
    assert main(["load", "storefront", "--body", "@nowhere.json"]) == 1
    assert capsys.readouterr().err.startswith("error: nowhere.json: can't be read: No such file")


def test_the_background_traffic(bakery: FakeControl, capsys: Output) -> None:
    assert main(["load", "--trickle", "on", "--path", "/buns", "--method", "post"]) == 0
    assert main(["load", "--trickle", "off"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "the background traffic is on: 1 request a second, GET http://storefront.localhost:8080/",
        "the background traffic is off",
    ]
    assert bakery.load.wishes[0] == TrickleWish(on=True, path="/buns", method="POST")
