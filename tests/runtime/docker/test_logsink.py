"""A container's output in our log: every byte once, wherever and however often the writer is cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox.runtime.docker.ends import moment
from sandbox.runtime.docker.logsink import Position, Sink, position
from sandbox.runtime.shim.journal import KEEP_RATE, START, Journal

STARTED = 1_700_000_000 * 10**9
"""Nanoseconds, as engines tell them."""

LIMIT = 1024 * 1024
MICROSECOND = 1000


@dataclass(frozen=True)
class Said:
    """One message of a container."""

    at: int  # nanoseconds
    text: bytes

    @property
    def message(self) -> bytes:
        return f"{stamp(self.at)} ".encode() + self.text


def stamp(at: int) -> str:
    whole, nanoseconds = divmod(at, 10**9)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def seconds(at: int) -> float:
    found = moment(stamp(at))
    assert found is not None
    return found


def told(said: Sequence[Said], since: str | None) -> Iterator[bytes]:
    """As an engine tells it: by its own nanoseconds, made of the text of a float."""
    if since is None:
        yield from (one.message for one in said)
        return
    whole, _, fraction = since.partition(".")
    after = int(whole) * 10**9 + int(fraction)
    yield from (one.message for one in said if one.at >= after)


class Writer:
    """A supervisor that follows a container, until it is killed."""

    def __init__(self, path: Path, started: int = STARTED, limit: int = LIMIT) -> None:
        known = position(path, seconds(started))
        self.sink = Sink(path, limit, known)
        if known is None:
            self.sink.begin(4711, seconds(started))

    def follow(self, said: Sequence[Said]) -> None:
        for message in told(said, self.sink.since):
            self.sink.take(message)

    def killed(self) -> None:
        """Its files are closed; nothing more is written."""
        self.sink._journal.close()


def contents(path: Path) -> bytes:
    return path.read_bytes()


# Times: all at once, microseconds apart, or far; sometimes a little back, as the engine stamps two streams.
GAPS = st.sampled_from(
    [0, 1, MICROSECOND, 300 * MICROSECOND, 999 * MICROSECOND, 10**6, 1001 * MICROSECOND, 10**10, -40]
)
TEXTS = st.binary(min_size=0, max_size=12) | st.sampled_from([b"hello\n", b"", b"\n", b"half a line", b"\xff\x00"])


@st.composite
def outputs(draw: st.DrawFn) -> list[Said]:
    at, found = STARTED + draw(st.sampled_from([-500, 0, 700, 10**9])), []
    for gap, text in draw(st.lists(st.tuples(GAPS, TEXTS), max_size=25)):
        at += gap
        found.append(Said(at, text))
    return found


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(said=outputs(), cuts=st.lists(st.integers(0, 25), max_size=5))
@example(said=[Said(STARTED + 123_456_789, b"a\n"), Said(STARTED + 123_456_790, b"b\n")], cuts=[1])
@example(
    said=[Said(STARTED + 10**9, b"one "), Said(STARTED + 10**9, b"two "), Said(STARTED + 10**9, b"3\n")], cuts=[1, 2]
)
def test_no_byte_is_lost_or_doubled_whenever_the_writer_is_killed(said: list[Said], cuts: list[int]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.log")
        for cut in [*sorted(cuts), len(said)]:
            writer = Writer(path)
            writer.follow(said[:cut])
            writer.killed()
        assert contents(path) == b"".join(one.text for one in said)


@settings(deadline=None)
@given(said=outputs(), cuts=st.lists(st.integers(0, 25), max_size=5))
def test_no_byte_is_lost_or_doubled_whenever_the_engine_hangs_up(said: list[Said], cuts: list[int]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.log")
        writer = Writer(path)
        for cut in [*sorted(cuts), len(said)]:
            writer.follow(said[:cut])
            writer.sink.resume()
        writer.sink.end()
        assert contents(path) == b"".join(one.text for one in said)


@settings(deadline=None, max_examples=50)
@example(gaps=[0, 0, 0, 0, 0], cuts=[1, 2, 3, 4, 5])
@given(gaps=st.lists(GAPS, min_size=5, max_size=25), cuts=st.lists(st.integers(0, 25), max_size=8))
def test_nor_while_its_files_are_rotated(gaps: list[int], cuts: list[int]) -> None:
    ats = [STARTED + 10**6 + sum(gaps[:number]) for number in range(len(gaps))]
    said = [Said(at, b"%04d." % number * 400) for number, at in enumerate(ats)]
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.log")
        for cut in [*sorted(cuts), len(said)]:
            writer = Writer(path, limit=64 * 1024)
            writer.follow(said[:cut])
            writer.killed()
        older = Path(f"{path}.1")
        kept = (contents(older) if older.exists() else b"") + contents(path)
        assert kept.endswith(said[-1].text)
        assert b"".join(one.text for one in said).endswith(kept)


@settings(deadline=None)
@given(
    texts=st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=6),
    gap=st.sampled_from([0, MICROSECOND, 10**7]),
    torn=st.integers(1, 60),
)
def test_a_message_that_was_torn_is_completed(texts: list[bytes], gap: int, torn: int) -> None:
    said = [Said(STARTED + 10**6 + number * gap, text) for number, text in enumerate(texts)]
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.log")
        writer = Writer(path)
        writer.follow(said[:1])
        writer.killed()
        os.truncate(path, max(0, path.stat().st_size - torn))

        again = Writer(path)
        again.follow(said)
        again.killed()

        assert contents(path) == b"".join(texts)


def test_a_log_that_was_just_rotated_is_read_on_from_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    said = [Said(STARTED + number * 10**7, b"%05d %s\n" % (number, b"x" * 1000)) for number in range(700)]
    writer = Writer(path)
    number = 0
    while not Path(f"{path}.1").exists():
        writer.sink.take(said[number].message)
        number += 1
    number -= 1
    writer.killed()
    os.truncate(path, 0)  # as if it had been killed between the rotation and the next line
    os.truncate(f"{path}.idx", 25)

    again = Writer(path)
    again.follow(said[: number + 3])
    again.killed()

    assert contents(path) == b"".join(one.text for one in said[number : number + 3])


def test_the_log_of_the_container_before_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    path, later = tmp_path / "a.log", STARTED + 60 * 10**9
    first = Writer(path)
    first.follow([Said(STARTED + 10**6, b"the old one\n")])
    first.killed()

    unheard = Writer(path, later)  # nobody followed it when it started
    unheard.follow([Said(later + 5, b"the new one\n"), Said(later + 10**7, b"goes on\n")])
    unheard.killed()

    assert contents(path) == b"the old one\nthe new one\ngoes on\n"
    assert [kind for _, _, kind in _records(path)].count(START) == 2


def _records(path: Path) -> list[tuple[float, int, int]]:
    from sandbox.runtime.shim.journal import RECORD

    return [record[:3] for record in RECORD.iter_unpack(Path(f"{path}.idx").read_bytes())]


def test_what_was_written_before_the_engine_knew_that_it_started_is_kept(tmp_path: Path) -> None:
    path, said = tmp_path / "a.log", [Said(STARTED - 3 * 10**6, b"early\n"), Said(STARTED + 10**6, b"late\n")]
    for count in (1, 2, 2):
        writer = Writer(path)
        writer.follow(said[:count])
        writer.killed()
    assert contents(path) == b"early\nlate\n"


def test_a_flood_is_kept_in_samples_and_its_end_waits_for_no_more_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("sandbox.runtime.shim.journal.time.monotonic", lambda: now)
    path = tmp_path / "a.log"
    sink = Sink(path, 64 * KEEP_RATE, None)
    sink.begin(1, seconds(STARTED))
    for number in range(KEEP_RATE // 1000 + 50):
        sink.take(Said(STARTED + number, b"x" * 999 + b"\n").message)
    sink.take(Said(STARTED + 10**9, b"the end\n").message)
    assert sink.waits

    now += 1
    sink.settle()

    assert not sink.waits
    assert contents(path).endswith(b"x\nthe end\n")


def test_after_a_flood_that_was_cut_off_the_log_goes_on_with_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    journal = Journal(str(path), LIMIT, clock=lambda: seconds(STARTED + 5))
    journal.begin(1)
    journal.feed(b"y" * (2 * LIMIT))
    journal.end()

    found = position(path, seconds(STARTED))
    assert found is not None
    sink = Sink(path, LIMIT, found)
    sink.take(Said(STARTED + 5, b"old\n").message)
    sink.take(Said(STARTED + 10**6, b"new\n").message)
    sink.end()

    assert contents(path).endswith(b"new\n")
    assert b"old" not in contents(path)


def test_where_nothing_is_kept_there_is_no_position(tmp_path: Path) -> None:
    assert position(tmp_path / "a.log", 0.0) is None
    (tmp_path / "a.log.idx").write_bytes(b"torn")
    assert position(tmp_path / "a.log", 0.0) is None


def test_a_damaged_index_leads_to_no_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    writer = Writer(path)
    writer.follow([Said(STARTED + 10**7, b"hello\n")])
    writer.killed()
    os.truncate(path, 0)
    last = seconds(STARTED + 10**7)
    assert position(path, seconds(STARTED)) == Position(at=last, begins=last, kept=0)
