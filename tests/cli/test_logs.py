"""What services print, for people and for scripts."""

from __future__ import annotations

import json
import signal
import time

import pytest

from sandbox.cli.logs import Layout
from sandbox.cli.main import main
from sandbox.cli.style import Style
from sandbox.control import LogCounts, LogLevel, LogLine
from tests.cli.conftest import Command
from tests.fakes import data
from tests.fakes.control import FakeControl

Output = pytest.CaptureFixture[str]


def test_lines_behind_the_names_of_their_instances(bakery: FakeControl, capsys: Output) -> None:
    assert main(["logs"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "storefront-v1-1 | listening on 127.0.0.1:43121",
        "orders-v1-1     | listening on 127.0.0.1:43122",
        "steamer-v1-1    | ready",
    ]


def test_one_service_with_times(bakery: FakeControl, capsys: Output) -> None:
    assert main(["logs", "orders", "-t"]) == 0
    assert capsys.readouterr().out == "orders-v1-1 | 2026-01-01T00:00:01.000Z listening on 127.0.0.1:43122\n"


def test_the_newest_and_a_span(bakery: FakeControl, capsys: Output) -> None:
    main(["logs", "--tail", "1"])
    assert capsys.readouterr().out.splitlines() == ["steamer-v1-1    | ready"]
    main(["logs", "--since", "2026-01-01T00:00:01Z", "--until", "2026-01-01T00:00:01Z"])
    assert capsys.readouterr().out.splitlines() == ["orders-v1-1     | listening on 127.0.0.1:43122"]


def test_json_is_a_line_an_object(bakery: FakeControl, capsys: Output) -> None:
    assert main(["logs", "steamer", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-01-01T00:00:02.000Z",
        "service": "steamer",
        "instance": "steamer-v1-1",
        "text": "ready",
        "truncated": False,
        "level": None,
        "trace": None,
        "message": None,
        "fields": {},
    }


def test_an_unknown_service(bakery: FakeControl, capsys: Output) -> None:
    assert main(["logs", "oders"]) == 2
    assert capsys.readouterr().err.startswith("error: oders: no such service\nhint: ")


def test_following_ends_quietly_when_interrupted(bakery: FakeControl, sandbox: Command) -> None:
    process = sandbox("logs", "-f", "orders")
    assert process.stdout is not None
    assert process.stdout.readline() == "orders-v1-1 | listening on 127.0.0.1:43122\n"
    _until_followed(bakery)
    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 130


def _until_followed(control: FakeControl) -> None:
    deadline = time.monotonic() + 10
    while not control.following:
        assert time.monotonic() < deadline, "nobody follows"
        time.sleep(0.005)


def test_a_longer_name_widens_the_column() -> None:
    layout = Layout(["a-v1-1"], timestamps=False, style=Style(enabled=False))

    assert layout(LogLine(at=0, service="a", instance="a-v1-1", text="x")) == "a-v1-1 | x"
    assert layout(LogLine(at=0, service="a", instance="a-v1-10", text="x")) == "a-v1-10 | x"
    assert layout(LogLine(at=0, service="a", instance="a-v1-1", text="x")) == "a-v1-1  | x"


def test_colours_end_where_the_line_ends() -> None:
    layout = Layout(["steamer-v1-1"], timestamps=False, style=Style(enabled=True))

    assert layout(data.log_line("steamer", "\x1b[31mhot")).endswith("\x1b[31mhot\x1b[0m")


def test_a_cut_line_says_so() -> None:
    layout = Layout([], timestamps=False, style=Style(enabled=False))

    assert layout(LogLine(at=0, service="a", instance="a", text="xxx", truncated=True)) == "a | xxx … (line cut)"


def test_a_service_has_its_place_colour_whatever_is_shown() -> None:
    layout = Layout([], ["storefront", "orders"], timestamps=False, style=Style(enabled=True))

    assert layout(data.log_line("orders")).startswith("\x1b[32morders-v1-1 |\x1b[0m ")
    assert layout(data.log_line("storefront")).startswith("\x1b[36mstorefront-v1-1 |\x1b[0m ")


STRUCTURED = LogLine(
    at=1,
    service="orders",
    instance="orders-1",
    text='{"level":"warn"}',
    level=LogLevel.WARNING,
    message="slow\nstart",
    fields={"user": "a b", "ms": 1.5, "ok": True, "path": "/x"},
)


def test_a_line_of_json_is_shown_as_its_message() -> None:
    layout = Layout(["orders-1"], timestamps=False, style=Style(enabled=False))

    assert layout(STRUCTURED) == 'orders-1 | WARNING slow start  user="a b" ms=1.5 ok=true path=/x'


def test_nothing_in_a_line_of_json_moves_the_cursor() -> None:
    fields = {"\x1b[2Juser": "\x9b2J", "more": {"\x9b3J": "\u2028"}}
    line = LogLine(at=1, service="orders", instance="orders-1", text="{}", message="\x1b[2Jslow", fields=fields)
    said = Layout(["orders-1"], timestamps=False, style=Style(enabled=False))(line)

    assert said == 'orders-1 |  [2Jslow   [2Juser=" 2J" more={" 3J": " "}'


def test_a_line_of_json_as_it_was_written() -> None:
    layout = Layout(["orders-1"], timestamps=False, raw=True, style=Style(enabled=False))

    assert layout(STRUCTURED) == 'orders-1 | {"level":"warn"}'


def test_urgent_lines_have_the_colour_of_their_level() -> None:
    layout = Layout(["orders-1"], ["orders"], timestamps=False, style=Style(enabled=True))

    assert "\x1b[33mWARNING slow start\x1b[0m" in layout(STRUCTURED)


def test_what_is_wanted_is_asked_of_the_server(bakery: FakeControl, capsys: Output) -> None:
    main(["logs", "--level", "err", "--grep", "x", "--trace", "4BF9", "--instance", "orders-v1-1"])

    (query,) = bakery.log_queries
    assert query.levels == (LogLevel.ERROR, LogLevel.FATAL)
    assert (query.grep, query.trace, query.instances) == ("x", "4BF9", ("orders-v1-1",))


def test_nothing_to_show_is_said(bakery: FakeControl, capsys: Output) -> None:
    none = ["--since", "2026-01-02T00:00:00Z"]
    assert main(["logs", *none]) == 0
    assert capsys.readouterr() == ("", "no line fits\n")
    assert main(["logs", *none, "--level", "error"]) == 0
    assert capsys.readouterr().err == "no line fits; lines that name no level are not looked at with --level\n"
    assert main(["logs", *none, "-o", "json"]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_unknown_level(bakery: FakeControl, capsys: Output) -> None:
    assert main(["logs", "--level", "loud"]) == 2
    assert "'loud' is no level: trace, debug, info, warning, error, fatal" in capsys.readouterr().err


def test_what_became_of_a_flood(bakery: FakeControl, capsys: Output) -> None:
    bakery.counts = [
        LogCounts(service="orders", instance="orders-v1-1", written=500 << 20, dropped=490 << 20, held=10 << 20),
        LogCounts(service="steamer", instance="steamer-v1-1", written=512, dropped=0, held=512),
    ]

    assert main(["logs", "--counts"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "INSTANCE      WRITTEN  DROPPED  HELD",
        "orders-v1-1   500M     490M     10M",
        "steamer-v1-1  512B     0B       512B",
    ]
    assert main(["logs", "--counts", "steamer", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"service": "steamer", "instance": "steamer-v1-1", "written": 512, "dropped": 0, "held": 512}
    ]
