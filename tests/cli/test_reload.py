"""A reload by hand waits and says how it went."""

from __future__ import annotations

import json

import pytest

from sandbox.cli.main import main
from sandbox.events import Event, Kind, ReloadReport, Severity
from tests.fakes import data
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


def a_report(service: str, *, version: str = "v1", generation: int = 3, error: str | None = None) -> Event:
    return Event(
        kind=Kind.RELOAD_FAILED if error else Kind.SERVICE_RELOADED,
        severity=Severity.ERROR if error else Severity.INFO,
        service=service,
        message=f"{service} failed to reload by hand: {error}" if error else f"{service} reloaded in 0.12 s by hand",
        detail="Traceback (most recent call last):" if error else "",
        reload=ReloadReport(
            version=version,
            generation=generation,
            files=(),
            count=0,
            seconds={"seen": 0.0, "ready": 0.12},
            start=None if error else "warm",
            error=error,
        ),
    )


def test_it_waits_for_the_report(bakery: FakeControl, capsys: Output) -> None:
    earlier, other = a_report("orders", generation=2), a_report("steamer")
    bakery.reports = {"orders": [earlier, other, a_report("orders")]}
    assert main(["reload", "orders"]) == 0
    assert bakery.calls == [("reload", "orders", None)]
    assert capsys.readouterr().out == "✓ orders reloaded in 0.12 s by hand\n"


def test_a_version_of_a_service(bakery: FakeControl) -> None:
    bakery.reports = {"steamer": [a_report("steamer"), a_report("steamer", version="v2")]}
    assert main(["reload", "steamer@v2"]) == 0
    assert bakery.calls == [("reload", "steamer", "v2")]


def test_a_save_that_took_its_place_counts(bakery: FakeControl) -> None:
    bakery.reports = {"orders": [a_report("orders", generation=4)]}
    assert main(["reload", "orders"]) == 0


def test_all_that_run(bakery: FakeControl) -> None:
    bakery.reports = {name: [a_report(name)] for name in ("storefront", "orders", "steamer")}
    assert main(["reload"]) == 0
    assert bakery.calls == [("reload", name, None) for name in ("storefront", "orders", "steamer")]


def test_a_failure_says_why_and_shows_the_last_lines(bakery: FakeControl, capsys: Output) -> None:
    why = "app.py:3: KeyError: 'x'; the previous one serves on"
    bakery.reports = {"orders": [a_report("orders", error=why)], "steamer": [a_report("steamer")]}
    assert main(["reload", "orders", "steamer"]) == 1
    out, err = capsys.readouterr()
    assert out == "✓ steamer reloaded in 0.12 s by hand\n"
    assert err.splitlines() == [
        "  Traceback (most recent call last):",
        f"error: orders: {why}",
        "hint: see: sandbox logs orders",
    ]


def test_for_scripts(bakery: FakeControl, capsys: Output) -> None:
    bakery.reports = {"orders": [a_report("orders", error="KeyError: 'x'")]}
    assert main(["reload", "orders", "-o", "json"]) == 1
    [report] = json.loads(capsys.readouterr().out)
    assert report == {
        "service": "orders",
        "version": "v1",
        "generation": 3,
        "files": [],
        "count": 0,
        "seconds": {"seen": 0.0, "ready": 0.12},
        "start": None,
        "error": "KeyError: 'x'",
    }


def test_it_does_not_wait_for_ever(bakery: FakeControl, capsys: Output) -> None:
    bakery.statuses[0] = data.project(data.service("orders", reason="not ready yet: nothing listens on port 8000"))
    assert main(["reload", "orders", "--timeout", "50ms"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == (
        "error: orders: v1 was not reloaded within 0.05 s: not ready yet: nothing listens on port 8000"
    )


@pytest.mark.parametrize(("word", "said"), [("oders", "error: oders: no such service"), ("@v1", "error: '@v1' is not")])
def test_what_is_no_target(bakery: FakeControl, capsys: Output, word: str, said: str) -> None:
    assert main(["reload", word]) == 2
    assert capsys.readouterr().err.startswith(said)
