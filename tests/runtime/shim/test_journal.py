"""Output on disk: bounded, counted, the newest lines kept. Read back by the reader that people's screens use."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.runtime.logfile import last_lines
from sandbox.runtime.logsegment import Segment
from sandbox.runtime.shim.journal import KEEP_RATE, LONGEST_LINE, RECORD, Journal

MIB = 1024 * 1024


class Clock:
    """Time for the rate limit, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        fake = SimpleNamespace(monotonic=lambda: self.now, time=time.time)
        monkeypatch.setattr("sandbox.runtime.shim.journal.time", fake)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def opened(folder: Path, limit: int = 16 * MIB) -> Journal:
    written = Journal(str(folder / "a.log"), limit)
    written.begin(1)
    return written


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def text_of(folder: Path) -> bytes:
    """All that is kept, without the line ends the journal adds where it dropped something."""
    return b"".join(path.read_bytes() for path in (folder / "a.log.1", folder / "a.log") if path.exists())


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk looks like to a writer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_fits_is_kept_exactly(tmp_path: Path) -> None:
    written = opened(tmp_path)
    written.feed(b"one\ntw")
    written.feed(b"o\nthree")
    written.end()
    assert text_of(tmp_path) == b"one\ntwo\nthree"
    assert (written.written, written.dropped) == (13, 0)


def test_files_are_private(tmp_path: Path) -> None:
    opened(tmp_path).end()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_old_output_makes_room_for_new(tmp_path: Path) -> None:
    limit = 256 * 1024
    written = opened(tmp_path, limit)
    for number in range(20_000):
        written.feed(f"line {number} of many\n".encode())
    written.end()
    assert limit / 2 < on_disk(tmp_path) <= limit
    assert last_lines(tmp_path / "a.log", 2) == ["line 19998 of many", "line 19999 of many"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.1.idx", "a.log.idx"]


def test_a_chunk_larger_than_the_limit_keeps_its_end(tmp_path: Path) -> None:
    written = opened(tmp_path, 64 * 1024)
    written.feed(b"x" * 99 + b"\n" + b"y" * 40_000 + b"\nthe end\n")
    written.end()
    assert on_disk(tmp_path) <= 64 * 1024
    assert last_lines(tmp_path / "a.log", 1) == ["the end"]


def test_the_log_goes_on_after_a_restart_on_a_line_of_its_own(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.feed(b"cut off in the mid")
    first.end()
    second = opened(tmp_path)
    second.feed(b"hello again\n")
    second.end()
    assert last_lines(tmp_path / "a.log", 9) == ["cut off in the mid", "hello again"]


def test_a_flood_is_sampled_and_its_newest_lines_are_kept(tmp_path: Path, clock: Clock) -> None:
    written = opened(tmp_path)
    block = (b"0123456789abcde" * 8 + b"1234567\n") * 512
    for _ in range(100 * MIB // len(block)):
        clock.now += len(block) / (100 * MIB)  # 100 MB/s for a second
        written.feed(block)
    written.feed(b"Traceback: the reason of it all\n")
    written.end()
    assert last_lines(tmp_path / "a.log", 1) == ["Traceback: the reason of it all"]
    kept = written.written - written.dropped
    assert KEEP_RATE <= kept <= 2.1 * KEEP_RATE
    assert on_disk(tmp_path) <= 16 * MIB
    assert any("of output not kept" in line for line in last_lines(tmp_path / "a.log", 10_000_000))


def test_waiting_output_is_kept_as_soon_as_the_rate_allows(tmp_path: Path, clock: Clock) -> None:
    written = opened(tmp_path)
    written.feed(b"x" * (KEEP_RATE - 1) + b"\n")
    written.feed(b"a moment later\n")
    assert written.flooded
    clock.now += 0.01
    written.settle()
    assert not written.flooded
    assert last_lines(tmp_path / "a.log", 1) == ["a moment later"]


def test_an_endless_line_does_not_push_out_the_rest(tmp_path: Path) -> None:
    written = opened(tmp_path)
    written.feed(b"before\n")
    for _ in range(100):
        written.feed(b"x" * 65536)
    written.feed(b"xx\nafter\n")
    written.end()
    assert len(text_of(tmp_path)) < 2 * LONGEST_LINE
    lines = last_lines(tmp_path / "a.log", 9)
    assert lines[0] == "before"
    assert lines[1] == "x" * 16384
    assert "of output not kept" in lines[2]
    assert lines[3:] == ["after"]


def test_a_full_disk_drops_and_counts_and_goes_on(tmp_path: Path) -> None:
    written = opened(tmp_path)
    written.feed(b"kept\n")
    with no_file_larger_than(8):
        for _ in range(10):
            written.feed(b"no room for this\n")
    written.feed(b"room again\n")
    written.end()
    assert written.dropped >= 10 * 17 - 3
    lines = last_lines(tmp_path / "a.log", 9)
    assert lines[0] == "kept"
    assert "of output not kept" in lines[-2]
    assert lines[-1] == "room again"


def test_a_folder_that_is_gone_is_no_end(tmp_path: Path) -> None:
    written = Journal(str(tmp_path / "gone" / "a.log"), MIB)
    written.begin(1)
    written.feed(b"hello\n")
    written.end()
    assert (written.written, written.dropped) == (6, 6)


def test_a_torn_index_is_mended(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.feed(b"one\n")
    first.end()
    with (tmp_path / "a.log.idx").open("ab") as file:
        file.write(b"torn")
    opened(tmp_path).end()
    assert (tmp_path / "a.log.idx").stat().st_size % RECORD.size == 0


@pytest.mark.parametrize("how", ["removed", "removed with its index", "emptied"])
def test_a_log_that_somebody_takes_away_is_begun_anew(tmp_path: Path, clock: Clock, how: str) -> None:
    written = opened(tmp_path)
    written.feed(b"one\n")
    take_away(tmp_path, how)
    clock.now += 10.0
    written.feed(b"two\n")
    assert (tmp_path / "a.log").read_bytes() == b"two\n"
    segment = Segment.open(tmp_path / "a.log")
    assert segment is not None and segment.index is not None
    assert (segment.begin, segment.counted()) == (4, (8, 0))
    segment.close()
    written.end()


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_log_that_was_taken_away_between_two_starts_has_times_again(tmp_path: Path, how: str) -> None:
    written = opened(tmp_path)
    written.feed(b"one\n")
    written.begin(2)
    written.end()
    take_away(tmp_path, how)
    again = opened(tmp_path)
    again.feed(b"two\n")
    again.end()
    segment = Segment.open(tmp_path / "a.log")
    assert segment is not None and segment.index is not None
    assert segment.index.inode == segment.inode
    assert {segment.index[number][1] for number in range(len(segment.index))} == {0}
    segment.close()


def take_away(folder: Path, how: str) -> None:
    if how == "emptied":
        (folder / "a.log").write_bytes(b"")
    else:
        (folder / "a.log").unlink()
    if how.endswith("index"):
        (folder / "a.log.idx").unlink()


def test_a_clock_that_was_set_back_gives_new_lines_the_new_time(tmp_path: Path) -> None:
    now = 10_000.0
    written = Journal(str(tmp_path / "a.log"), MIB, clock=lambda: now)
    written.feed(b"one\n")
    now -= 3600.0
    written.feed(b"two\n")
    written.end()
    segment = Segment.open(tmp_path / "a.log")
    assert segment is not None
    assert (segment.time_at(0), segment.time_at(4)) == (10_000.0, 6_400.0)
    segment.close()


def test_it_keeps_up_with_a_flood(tmp_path: Path) -> None:
    """Loose bound: 256 MiB in far less than the time a fast service needs to print it."""
    written = opened(tmp_path)
    block = b"0123456789abcde\n" * 16384
    started = time.process_time()
    for _ in range(1024):
        written.feed(block)
    written.end()
    assert time.process_time() - started < 1.0


@settings(max_examples=50, deadline=None)
@given(chunks=st.lists(st.tuples(st.integers(1, 300_000), st.integers(1, 5000)), max_size=30))
def test_every_byte_is_kept_or_dropped(tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[int, int]]) -> None:
    folder = tmp_path_factory.mktemp("journal")
    written = opened(folder, limit=1 << 40)
    total = 0
    for size, line in chunks:
        chunk = ((b"x" * (line - 1) + b"\n") * (size // line + 1))[:size]
        written.feed(chunk)
        total += size
    written.end()
    assert written.written == total
    added = (folder / "a.log").stat().st_size - (total - written.dropped)
    assert 0 <= added <= len(chunks)  # the line ends put in where something was dropped
