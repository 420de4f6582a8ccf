from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.control import LogLevel, LogLine, LogQuery
from sandbox.errors import UsageError
from sandbox.runtime import logsegment
from sandbox.runtime.logfile import LogFile, last_lines, log_counts, merge
from sandbox.runtime.shim.journal import Journal


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        fake = SimpleNamespace(monotonic=time.monotonic, time=lambda: self.now)
        monkeypatch.setattr("sandbox.runtime.shim.journal.time", fake)

    def at(self, now: float) -> None:
        self.now = now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


SERVICES = {"orders-1": "orders", "till-1": "till"}


class Logs:
    """Two services that print."""

    def __init__(self, folder: Path, clock: Clock, limit: int = 1 << 24) -> None:
        self.folder = folder
        self.clock = clock
        self.sources = dict(SERVICES)
        self._limit = limit
        self._open: dict[str, Journal] = {}

    def say(self, instance: str, at: float, text: str) -> None:
        self.clock.at(at)
        if instance not in self._open:
            self._open[instance] = Journal(str(self.folder / f"{instance}.log"), self._limit)
            self._open[instance].begin(1)
        self._open[instance].feed(text.encode())

    def ask(self, **query: object) -> AsyncIterator[LogLine]:
        return merge(self.folder, lambda: self.sources, LogQuery(**query))  # type: ignore[arg-type]

    async def texts(self, **query: object) -> list[str]:
        return [line.text async for line in self.ask(**query)]


@pytest.fixture
def logs(tmp_path: Path, clock: Clock) -> Logs:
    return Logs(tmp_path, clock)


async def test_lines_of_several_instances_come_by_time(logs: Logs) -> None:
    logs.say("orders-1", 1001, "take the order\n")
    logs.say("till-1", 1002, "ring\n")
    logs.say("orders-1", 1003, "hand it over\nbye\n")
    assert [line async for line in logs.ask()] == [
        LogLine(at=1001, service="orders", instance="orders-1", text="take the order"),
        LogLine(at=1002, service="till", instance="till-1", text="ring"),
        LogLine(at=1003, service="orders", instance="orders-1", text="hand it over"),
        LogLine(at=1003, service="orders", instance="orders-1", text="bye"),
    ]


async def test_a_line_that_came_in_pieces_has_the_time_of_the_first(logs: Logs) -> None:
    logs.say("till-1", 1001, "ri")
    logs.say("till-1", 1002, "ng\n")
    assert [(line.at, line.text) async for line in logs.ask()] == [(1001, "ring")]


async def test_the_tail_counts_over_all_services(logs: Logs) -> None:
    for number in range(10):
        logs.say("orders-1", 1001 + number, f"order {number}\n")
    logs.say("till-1", 1008.5, "ring\n")
    assert await logs.texts(tail=4) == ["order 7", "ring", "order 8", "order 9"]
    assert await logs.texts(tail=2, services=("orders",)) == ["order 8", "order 9"]
    assert await logs.texts(tail=0) == []
    assert len(await logs.texts(tail=1000)) == 11


async def test_since_and_until(logs: Logs) -> None:
    for number in range(10):
        logs.say("orders-1", 1001 + number, f"order {number}\n")
    assert await logs.texts(since=1008, until=1009) == ["order 7", "order 8"]
    assert await logs.texts(until=1009, tail=1) == ["order 8"]


async def test_time_and_tail_reach_across_a_rotation(tmp_path: Path, clock: Clock) -> None:
    logs = Logs(tmp_path, clock, limit=64 * 1024)
    for number in range(900):
        logs.say("orders-1", 1001 + number, f"order {number} {'.' * 60}\n")
    assert (tmp_path / "orders-1.log.1").stat().st_size > 0
    newest = (tmp_path / "orders-1.log").read_text().splitlines()
    wanted = len(newest) + 20
    assert [text.split()[1] for text in await logs.texts(tail=wanted)] == [str(n) for n in range(900 - wanted, 900)]
    assert len(await logs.texts(since=1001 + 900 - wanted)) == wanted


async def test_following_gives_what_is_new_even_across_rotations(tmp_path: Path, clock: Clock) -> None:
    logs = Logs(tmp_path, clock, limit=64 * 1024)
    logs.say("orders-1", 1001, "old\n")
    lines = logs.ask(tail=0, follow=True)
    said = 0
    heard: list[str] = []

    async def speak() -> None:
        nonlocal said
        for number in range(2000):
            logs.say("orders-1", 1002 + number, f"order {number} {'.' * 60}\n")
            said += 1
            if number % 200 == 0:
                while len(heard) < number:
                    await asyncio.sleep(0.01)

    async def listen() -> None:
        async for line in lines:
            heard.append(line.text.split()[1])
            if len(heard) == 2000:
                return

    async with asyncio.timeout(20):
        # One look first, so that the end of the log is known before anything is added.
        listening = asyncio.gather(listen())
        await asyncio.sleep(0)
        await asyncio.gather(listening, speak())
    assert heard == [str(number) for number in range(2000)]


async def test_a_reader_that_is_too_slow_is_told_what_it_missed(tmp_path: Path, clock: Clock) -> None:
    logs = Logs(tmp_path, clock, limit=64 * 1024)
    logs.say("orders-1", 1001, "old\n")
    lines = logs.ask(follow=True)
    assert (await anext(lines)).text == "old"
    for number in range(3000):
        logs.say("orders-1", 1002 + number, f"order {number} {'.' * 60}\n")
    held = sum(len((tmp_path / name).read_bytes().splitlines()) for name in ("orders-1.log", "orders-1.log.1"))
    written = sum(len(f"order {number} {'.' * 60}\n") for number in range(3000)) + len("old\n")

    async with asyncio.timeout(20):
        heard = [(await anext(lines)).text]
        while not heard[-1].startswith("order 2999"):
            heard.append((await anext(lines)).text)
    await lines.aclose()  # type: ignore[attr-defined]

    (told,) = [number for number, text in enumerate(heard) if text.endswith("unread: this reader was too slow]")]
    assert len(heard) - told - 1 == held
    counts = log_counts(tmp_path / "orders-1.log", "orders")
    assert counts is not None and (counts.written, counts.dropped) == (written, 0)


async def test_one_log_that_came_and_went_meanwhile_is_read(tmp_path: Path, clock: Clock) -> None:
    logs = Logs(tmp_path, clock, limit=64 * 1024)
    logs.say("orders-1", 1001, "old\n")
    lines = logs.ask(follow=True)
    assert (await anext(lines)).text == "old"
    for number in range(600):
        logs.say("orders-1", 1002 + number, f"order {number} {'.' * 60}\n")

    async with asyncio.timeout(20):
        heard = [int((await anext(lines)).text.split()[1]) for _ in range(600)]
    await lines.aclose()  # type: ignore[attr-defined]

    assert heard == list(range(600))


async def test_following_begins_with_the_tail_and_finds_new_instances(logs: Logs) -> None:
    logs.say("orders-1", 1001, "one\ntwo\n")
    del logs.sources["till-1"]
    lines = logs.ask(tail=1, follow=True)
    async with asyncio.timeout(5):
        assert (await anext(lines)).text == "two"
        logs.sources["till-1"] = "till"
        logs.say("till-1", 1002, "ring\n")
        assert (await anext(lines)).instance == "till-1"
        logs.say("orders-1", 1003, "thr")
        logs.say("orders-1", 1004, "ee\n")
        assert (await anext(lines)).text == "three"
    await lines.aclose()  # type: ignore[attr-defined]


async def test_only_lines_of_some_levels_with_the_stacks_that_belong_to_them(logs: Logs) -> None:
    logs.say("orders-1", 1001, "INFO fine\nERROR bad\n  at x.py\nWARNING hm\nplain\n")
    assert await logs.texts(levels=(LogLevel.ERROR, LogLevel.FATAL)) == ["ERROR bad", "  at x.py"]
    assert await logs.texts(levels=(LogLevel.WARNING,)) == ["WARNING hm"]


async def test_only_lines_that_have_something_in_them(logs: Logs) -> None:
    logs.say("orders-1", 1001, "\x1b[31morder\x1b[0m 1\norder 22\nring\n")
    logs.say("till-1", 1002, "order 3\n")
    assert await logs.texts(grep="order [0-9]$") == ["\x1b[31morder\x1b[0m 1", "order 3"]
    assert await logs.texts(grep="(?i)RING", instances=("orders-1",)) == ["ring"]
    with pytest.raises(UsageError, match="is no regular expression: missing ]"):
        await logs.texts(grep="[")


async def test_only_lines_of_a_trace(logs: Logs) -> None:
    logs.say("orders-1", 1001, f"INFO trace_id={'a' * 32} one\nINFO trace_id={'b' * 32} two\nthree\n")
    assert [text[-3:] for text in await logs.texts(trace="AAAA")] == ["one"]
    assert [text[-3:] for text in await logs.texts(trace="b" * 32)] == ["two"]


async def test_the_tail_counts_what_is_wanted_however_far_back_it_is(logs: Logs) -> None:
    logs.say("orders-1", 1001, "ERROR first\nERROR second\n")
    logs.say("orders-1", 1002, "INFO fine\n" * 50_000)
    logs.say("till-1", 1003, "ring\n")
    logs.say("orders-1", 1004, "ERROR third\n")
    wanted = {"levels": (LogLevel.ERROR,)}
    assert await logs.texts(tail=2, **wanted) == ["ERROR second", "ERROR third"]
    assert await logs.texts(tail=5, **wanted) == ["ERROR first", "ERROR second", "ERROR third"]
    assert await logs.texts(tail=0, **wanted) == []
    assert await logs.texts(tail=1, until=1003, **wanted) == ["ERROR second"]


async def test_following_with_a_tail_of_what_is_wanted_misses_and_repeats_nothing(logs: Logs) -> None:
    logs.say("orders-1", 1001, "ERROR old\nINFO fine\n")
    lines = logs.ask(tail=5, follow=True, grep="ERROR")
    async with asyncio.timeout(5):
        assert (await anext(lines)).text == "ERROR old"
        logs.say("orders-1", 1002, "INFO fine\nERROR new\n")
        assert (await anext(lines)).text == "ERROR new"
    await lines.aclose()  # type: ignore[attr-defined]


async def test_others_have_their_turn_while_nothing_fits(logs: Logs) -> None:
    logs.say("orders-1", 1001, "INFO fine\n" * 20_000)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.ensure_future(other())
    assert await logs.texts(grep="never") == []
    working.cancel()
    assert turns >= 20_000 // 256


async def test_a_long_line_is_cut(logs: Logs) -> None:
    logs.say("orders-1", 1001, "x" * 200_000 + "\nnext\n")
    lines = [line async for line in logs.ask()]
    assert [(len(line.text), line.truncated) for line in lines] == [(logsegment.LONGEST_LINE, True), (4, False)]


async def test_a_log_without_an_index_still_reads(logs: Logs) -> None:
    (logs.folder / "orders-1.log").write_text("hello\n")
    assert await logs.texts() == ["hello"]


def test_the_last_lines_of_one_life(logs: Logs) -> None:
    for at, text in [(1001, "one\n"), (1002, "two\n"), (1003, "three\n")]:
        logs.say("orders-1", at, text)
    found = [last_lines(logs.folder / "orders-1.log", 9, since) for since in (1001, 1001.5, 1003, 1004)]
    assert found == [["one", "two", "three"], ["two", "three"], ["three"], []]


def test_the_last_lines_of_a_crash(logs: Logs) -> None:
    logs.say("orders-1", 1001, "".join(f"line {number}\n" for number in range(100_000)) + "no line end")
    assert last_lines(logs.folder / "orders-1.log", 3) == ["line 99998", "line 99999", "no line end"]


def test_no_log_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log", 3) == []
    (tmp_path / "empty.log").touch()
    assert last_lines(tmp_path / "empty.log", 3) == []
    (tmp_path / "short.log").write_text("one\n")
    assert last_lines(tmp_path / "short.log", 3) == ["one"]
    assert last_lines(tmp_path / "short.log", 0) == []


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_following_across_rotations_leaves_no_file_open(tmp_path: Path, clock: Clock) -> None:
    logs = Logs(tmp_path, clock, limit=1 << 17)
    logs.say("orders-1", 1000, "begin\n")
    log = LogFile(tmp_path / "orders-1.log", "orders-1", "orders")
    list(log.new())
    counts = []
    for number in range(6):
        logs.say("orders-1", 1001 + number, f"{'x' * 50_000}\n")
        list(log.new())
        list(log.new())
        counts.append(open_files())
    (tmp_path / "orders-1.log").unlink()
    for _ in range(6):
        list(log.new())
        counts.append(open_files())
    log.close()
    assert max(counts[1:]) <= counts[1], counts
