from __future__ import annotations

import pytest

from sandbox.errors import UsageError
from sandbox.tui.logfilter import EVERYTHING, Level, level, log_filter, plain, trace_of
from tests.fakes import data

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("listening on 127.0.0.1:8000", Level.INFO),
        ("2026-01-01 ERROR no steam", Level.ERROR),
        ("[WARN] slow", Level.WARNING),
        ('{"level":"error","msg":"x"}', Level.ERROR),
        ("level=warning msg=x", Level.WARNING),
        ("DEBUG x=1", Level.DEBUG),
        ("Traceback (most recent call last):", Level.ERROR),
        ('"GET / HTTP/1.1" 503 -', Level.ERROR),
        ('"GET / HTTP/1.1" 404 -', Level.WARNING),
        ('"GET / HTTP/1.1" 200 -', Level.INFO),
        ("POST /orders 503 29.4 ms", Level.ERROR),
        ("the information was terrorising", Level.INFO),
        ("", Level.INFO),
    ],
)
def test_a_line_says_its_level(text: str, found: Level) -> None:
    assert level(text) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"trace_id={TRACE} done", TRACE),
        (f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (TRACE.upper(), TRACE),
        (f"{TRACE}ff", None),
        ("0" * 32, None),
        ("no trace", None),
    ],
)
def test_a_line_names_its_trace(text: str, found: str | None) -> None:
    assert trace_of(text) == found


def test_nothing_asked_wants_everything() -> None:
    assert EVERYTHING.is_everything
    assert EVERYTHING.wants(data.log_line())


@pytest.mark.parametrize(
    ("text", "regex", "line", "wanted"),
    [
        ("steam", False, "No STEAM left", True),
        ("Steam", False, "no steam left", False),
        ("a.c", False, "abc", False),
        ("a.c", True, "abc", True),
        ("red", False, "\x1b[31mre\x1b[0md", True),
    ],
)
def test_text_is_looked_for(text: str, regex: bool, line: str, wanted: bool) -> None:
    assert log_filter(text, regex=regex).wants(data.log_line(text=line)) is wanted


def test_parts_narrow_together() -> None:
    wanted = log_filter("503", least=Level.ERROR, services=frozenset({"orders"}), trace=TRACE)

    assert wanted.wants(data.log_line("orders", f"ERROR 503 {TRACE}"))
    assert not wanted.wants(data.log_line("pantry", f"ERROR 503 {TRACE}"))
    assert not wanted.wants(data.log_line("orders", f"INFO 503 {TRACE}"))
    assert not wanted.wants(data.log_line("orders", "ERROR 503"))


def test_an_expression_that_is_none_is_told() -> None:
    with pytest.raises(UsageError, match="not a regular expression"):
        log_filter("(", regex=True)


def test_colours_are_taken_off() -> None:
    assert plain("\x1b[1;31mred\x1b[0m") == "red"
