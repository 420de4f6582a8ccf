"""A reload is told among what the service printed before and after it."""

from __future__ import annotations

from sandbox.events import Event, Kind, ReloadReport
from sandbox.tui.reloadlines import ReloadLines
from tests.fakes import data


def a_reload(at: float, service: str = "orders", error: str | None = None) -> Event:
    report = ReloadReport(version="v1", generation=1, files=(), count=0, seconds={}, error=error)
    return Event(kind=Kind.SERVICE_RELOADED, service=service, message=f"{service} reloaded", at=at, reload=report)


def test_it_stands_where_it_happened() -> None:
    lines = [data.log_line(text="one", at=1.0), data.log_line(text="two", at=3.0)]
    shown = ReloadLines("orders").among(lines, [a_reload(0.5), a_reload(2.0), a_reload(2.5, "steamer")])
    assert [line.text for line in shown] == ["one", "\x1b[32m↻ orders reloaded\x1b[0m", "two"]


def test_each_is_told_once() -> None:
    reloads, event = ReloadLines("orders"), a_reload(2.0)
    assert [line.at for line in reloads.new([event])] == [2.0]
    assert reloads.new([event]) == []
    assert len(reloads.among([data.log_line(at=1.0)], [event])) == 1


def test_a_failure_looks_like_one() -> None:
    assert ReloadLines("orders").new([a_reload(1.0, error="KeyError")])[0].text.startswith("\x1b[31m✗ ")
