"""The bakery, broken in the ways that `why` knows, one after the other, while people buy buns: as processes.

`test_why_everywhere` has every cause in containers too, all at the same time.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.api.client import Client
from sandbox.control import Cause, Confidence, Diagnosis, TraceQuery
from sandbox.paths import ProjectPaths
from sandbox.shipped import SAMPLE_APPS, shipped
from tests.integration.harness import Sandbox, eventually, free_port, newcomer

PORTS = """
gateway: {{port: {}}}
ui: {{port: {}}}
telemetry: {{otlp: {{port: {}}}}}
"""


class Buyers:
    """Buns are bought all the time, and fail as they fail."""

    def __init__(self, gateway: str) -> None:
        self._url = f"{gateway}/api/buns"
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._buy, daemon=True) for _ in range(3)]
        self.bought = 0

    def __enter__(self) -> Buyers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _buy(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._end.wait(0.05):
            try:
                with opener.open(urllib.request.Request(self._url, b"", method="POST"), timeout=10) as answer:
                    answer.read()
            except urllib.error.HTTPError as error:
                error.close()
            except OSError:
                continue
            self.bought += 1


class Street:
    def __init__(self, user: Sandbox, app: Path) -> None:
        self.user = user
        self.app = app
        status = user.ps(app)
        self.gateway: str = status["gateway"]
        self._socket = ProjectPaths(user.state, status["id"]).api_socket

    def run(self, *words: str) -> str:
        return self.user.run(*words, cwd=self.app).stdout

    def why(self, target: str | None = "storefront") -> Diagnosis:
        async def ask() -> Diagnosis:
            async with Client(self._socket) as control:
                return await control.diagnosis.why(target)

        return asyncio.run(ask())

    def first(self, kind: str, target: str | None = "storefront", words: str = "") -> Cause:
        """Of the diagnosis, as soon as it is of that kind and says these words: it takes some requests until the
        numbers tell, and a moment until a line of output is read."""
        found: list[Diagnosis] = []

        def look() -> bool:
            found[:] = [self.why(target)]
            return any(one.kind == kind and words in one.message for one in found[0].causes[:1])

        try:
            eventually(look)
        except AssertionError:
            raise AssertionError(f"not {kind}, but {json.dumps([str(one) for one in found], indent=1)}") from None
        return found[0].causes[0]

    def named(self, kind: str, service: str | None = None) -> Cause:
        """The first of that kind, of that service, whatever else is wrong."""

        def look() -> Cause | None:
            fits = (one for one in self.why().causes if one.kind == kind and service in (None, one.service))
            return next(fits, None)

        cause = eventually(look)
        assert cause is not None
        return cause

    def failed_trace(self, service: str) -> str:
        """The newest in which the service has part."""

        async def search() -> list[str]:
            async with Client(self._socket) as control:
                found = await control.traces.search(TraceQuery(errors=True, since=time.time() - 5))
                return [one.id for one in found if service in one.services]

        return eventually(lambda: asyncio.run(search()))[0]

    @contextmanager
    def steered(self, *words: str, service: str) -> Iterator[None]:
        self.run("traffic", *words)
        try:
            yield
        finally:
            self.run("traffic", "clear", service)

    @contextmanager
    def code(self, service: str, *changes: tuple[str, str], stopped: bool = True) -> Iterator[Path]:
        """Other code for a service, which is `stopped` before, so that nothing of the old is left beside it."""
        file = self.app / service / "app.py"
        good = file.read_text()
        broken = good
        for old, new in changes:
            assert old in broken
            broken = broken.replace(old, new)
        if stopped:
            self.run("stop", service)
            self.run("wait", service, "--for", "stopped")
        file.write_text(broken)
        if stopped:
            self.run("start", service)
        try:
            yield file
        finally:
            file.write_text(good)  # which is a save, so it is loaded
            self.run("wait", service)


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with newcomer() as user:
        app = user.home / "bakery"
        shutil.copytree(str(shipped(SAMPLE_APPS)) + "/bakery", app)
        file = app / "sandbox.yaml"
        file.write_text(file.read_text() + PORTS.format(free_port(), free_port(), free_port()))
        user.up(app)
        street = Street(user, app)
        with Buyers(street.gateway):
            yield street


# --- as it is out of the box: a flaky pantry, and a slow mill ---------------------------------------------------------


def test_a_service_that_fails_by_itself(street: Street) -> None:
    cause = street.named("own_errors")
    assert cause.service == "pantry"
    assert "503" in cause.facts[0]


def test_a_slow_hop(street: Street) -> None:
    """Once the flaky pantry is asked again, what is left is the mill."""
    with street.steered("retry", "pantry", "3", "--codes", "503", service="pantry"):
        assert street.named("slow_hop", "mill").confidence is Confidence.LIKELY


# --- a service that is not there --------------------------------------------------------------------------------------


def test_a_service_that_was_stopped(street: Street) -> None:
    street.run("stop", "pantry")
    try:
        cause = street.first("upstream_down")
        assert (cause.service, cause.confidence) == ("pantry", Confidence.CERTAIN)
        assert cause.command == "sandbox start pantry"
        assert street.why().path[0] == "storefront"
        assert "pantry does not run: stopped by hand" in street.run("why")
    finally:
        street.run("start", "pantry")
        street.run("wait", "pantry")


def test_another_port_or_another_address_than_it_was_given(street: Street) -> None:
    """Both at once, in two services: each stop and start takes its time."""
    with (
        street.code("pantry", ('int(os.environ.get("PORT", "8006"))', str(free_port()))),
        street.code("mill", ('os.environ.get("HOST", "127.0.0.1")', '"127.0.0.2"')),
    ):
        assert "another port" in street.first("listens_elsewhere", "pantry").message
        address = street.named("listens_elsewhere", "mill")
        assert "another address" in address.message
        assert "127.0.0.2" in address.message


def test_a_crash_with_its_exception_and_line(street: Street) -> None:
    with street.code("mill", ("requests = itertools.count(1)", 'requests = itertools.count(1)\n{}["stones"]')) as file:
        line = file.read_text().splitlines().index('{}["stones"]') + 1
        assert street.first("crash", words=f"app.py:{line}: KeyError: 'stones'").service == "mill"


def test_a_save_that_broke_it_while_the_old_code_serves(street: Street) -> None:
    with street.code("kneader", ("def dough():", "def dough(:"), stopped=False):
        cause = street.first("bad_save", "kneader", "SyntaxError")
        assert cause.message.startswith("the save of kneader/app.py broke kneader: app.py:")
        assert cause.message.endswith("what ran before serves on")


# --- what the proxy does ----------------------------------------------------------------------------------------------


def test_a_fault_that_somebody_injected(street: Street) -> None:
    with street.steered("fault", "pantry", "--abort", "503", "--percent", "60", service="pantry"):
        cause = street.first("fault_injected")
        assert (cause.service, cause.confidence) == ("pantry", Confidence.CERTAIN)
        assert "60 % of the requests get 503" in cause.message
        told = street.run("events", "--kind", "fault")
        assert "a fault is injected into pantry: 60 % of the requests get 503" in told
    assert "no fault is injected into pantry any more" in street.run("events", "--kind", "fault")


def test_a_time_limit_that_is_shorter_than_the_p99(street: Street) -> None:
    """The mill's stones jam on every fourth request, for 400 ms."""
    with street.steered("timeout", "mill", "200ms", service="mill"):
        cause = street.first("timeout_short")
        assert cause.service == "mill"
        assert "200 ms" in cause.message


def test_retries_that_use_up_the_time_limit(street: Street) -> None:
    with street.steered("timeout", "mill", "350ms", "--attempt", "200ms", service="mill"):
        street.run("traffic", "retry", "mill", "3", "--codes", "504")
        cause = street.first("retries_exhaust_deadline")
        assert cause.service == "mill"


def test_retries_that_multiply_the_load(street: Street) -> None:
    with street.steered("fault", "pantry", "--abort", "503", "--percent", "90", service="pantry"):
        street.run("traffic", "retry", "pantry", "3", "--codes", "503")
        cause = street.named("retries_amplify")
        assert cause.service == "pantry"


def test_an_open_circuit(street: Street) -> None:
    with street.steered(
        "set", "mill", "connectionPool.maxConnections=1", "connectionPool.maxPendingRequests=1", service="mill"
    ):
        cause = street.first("circuit_open")
        assert cause.service == "mill"


def test_a_rate_limit(street: Street) -> None:
    with street.steered("limit", "orders", "1/s", service="orders"):
        cause = street.first("rate_limited")
        assert cause.service == "orders"
        assert cause.message.endswith("1 request in 1 s")


def test_authorization(street: Street) -> None:
    with street.steered("deny", "pantry", "--from", "mill", service="pantry"):
        cause = street.first("denied")
        assert cause.message == "mill may not call pantry: authorization refuses it"


def test_a_rule_that_leads_to_nothing(street: Street) -> None:
    street.run("scale", "steamer@v2=0")
    try:
        cause = street.first("route_to_nothing")
        assert cause.service == "steamer"
        assert "v2, which has no ready instance" in cause.message
    finally:
        street.run("scale", "steamer@v2=1")
        street.run("wait", "steamer")


@pytest.mark.parametrize("name", ["orders", "nobody"])
def test_an_address_that_leads_to_nothing(street: Street, name: str) -> None:
    url = street.gateway.replace("127.0.0.1", f"{name}.localhost")
    assert street.first("route_nothing", url).message.startswith(f"{url} leads to nothing")


def test_a_trace_that_failed(street: Street) -> None:
    with street.steered("fault", "pantry", "--abort", "503", service="pantry"):
        trace = street.failed_trace("pantry")
        street.first("fault_injected", trace)
        [shown] = [cause for cause in street.why(trace).causes if cause.kind == "trace_failed"]
        assert (shown.service, shown.confidence) == ("pantry", Confidence.CERTAIN)
