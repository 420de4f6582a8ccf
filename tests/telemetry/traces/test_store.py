"""Traces on disk."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sandbox.control import TraceQuery
from sandbox.telemetry.traces.gather import Gathered
from sandbox.telemetry.traces.spans import StoredSpan
from sandbox.telemetry.traces.store import TraceStore
from sandbox.telemetry.traces.summary import summarize
from tests.telemetry.traces.build import NOW, hop, inside


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, said: list[str]) -> Iterator[TraceStore]:
    store = TraceStore(tmp_path / "traces.db", said.append, 512 * 1024)
    store.open()
    yield store
    store.close()


def of(id: str, *spans: StoredSpan) -> Gathered:
    return Gathered(id * 32, {span.key: span for span in spans}, NOW)


def fill(store: TraceStore) -> None:
    store.write(
        [
            of("a", hop("1", "", "gateway", "shop", 0, 0.1), hop("2", "1", "shop", "mill", 0.01, 0.05)),
            of("b", hop("1", "", "gateway", "shop", 1, 0.9, status=503)),
            of("c", hop("1", "", "shop", "mill", 2, 0.3), inside("2", "1", "mill", 2.1, 0.1)),
        ],
        (),
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (TraceQuery(), "cba"),
        (TraceQuery(limit=2), "cb"),
        (TraceQuery(slowest=True), "bca"),
        (TraceQuery(service="mill"), "ca"),
        (TraceQuery(route="gateway GET /shop"), "ba"),
        (TraceQuery(status=503), "b"),
        (TraceQuery(errors=True), "b"),
        (TraceQuery(min_duration=0.2), "cb"),
        (TraceQuery(since=NOW + 1), "cb"),
        (TraceQuery(until=NOW + 1), "ba"),
        (TraceQuery(attribute="caller=shop"), "ca"),
        (TraceQuery(attribute="http.status_code=503"), "b"),
        (TraceQuery(attribute="version"), "cba"),
        (TraceQuery(attribute="caller=nobody"), ""),
    ],
)
def test_search(store: TraceStore, query: TraceQuery, found: str) -> None:
    fill(store)
    assert "".join(one.id[0] for one in store.search(query)) == found


def test_what_is_shown_of_each(store: TraceStore) -> None:
    fill(store)
    one = store.search(TraceQuery(errors=True))[0]
    assert (one.root, one.service, one.status, one.error, one.spans) == ("gateway GET /shop", "shop", 503, True, 1)
    assert store.search(TraceQuery())[2].services == ("shop", "mill")


def test_ids_may_be_cut_short(store: TraceStore) -> None:
    fill(store)
    assert store.named("b") == ["b" * 32]
    assert store.named("bb'; DROP TABLE traces") == []
    assert store.named("") != []


def test_it_is_there_again_after_a_restart(tmp_path: Path, store: TraceStore, said: list[str]) -> None:
    fill(store)
    store.close()
    again = TraceStore(tmp_path / "traces.db", said.append)
    again.open()
    assert [span.id for span in again.spans("a" * 32)] == ["1", "2"]
    again.close()
    assert (tmp_path / "traces.db").stat().st_mode & 0o077 == 0
    assert said == []


def test_small_traces_and_large_ones_come_back_as_they_were(store: TraceStore) -> None:
    small = of("a", hop("1", "", "gateway", "shop", 0, 0.1))
    large = of("b", *(hop(str(n), "", "gateway", "shop", n, 0.1, attributes={"path": "x" * n}) for n in range(100)))
    store.write([small, large], ())
    found = store.several([small.id, large.id, "c" * 32])
    assert found == {one.id: list(one.spans.values()) for one in (small, large)}
    assert store.several([f"{number:032x}" for number in range(2000)]) == {}


def test_what_an_earlier_version_kept_is_still_there(tmp_path: Path, said: list[str]) -> None:
    """Which had the spans in a table of their own, all of them packed."""
    one = hop("1", "", "gateway", "shop", 0, 0.1)
    base = sqlite3.connect(tmp_path / "traces.db")
    base.executescript(
        "CREATE TABLE traces (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, start REAL NOT NULL,"
        " duration REAL NOT NULL, error INTEGER NOT NULL, seen REAL NOT NULL, summary BLOB NOT NULL);"
        "CREATE TABLE bodies (id TEXT PRIMARY KEY, spans BLOB NOT NULL) WITHOUT ROWID; PRAGMA user_version = 1;"
    )
    summary = msgspec.msgpack.encode(summarize("a" * 32, [one]))
    base.execute("INSERT INTO traces VALUES (1, ?, ?, 0.1, 0, ?, ?)", ("a" * 32, NOW, NOW, summary))
    base.execute("INSERT INTO bodies VALUES (?, ?)", ("a" * 32, zlib.compress(msgspec.msgpack.encode([one]))))
    base.commit()
    base.close()

    store = TraceStore(tmp_path / "traces.db", said.append)
    store.open()
    assert store.spans("a" * 32) == [one]
    fill(store)
    assert len(store.spans("a" * 32)) == 2
    assert [found.id[0] for found in store.search(TraceQuery())] == ["c", "b", "a"]
    store.close()
    assert said == []


def test_it_stays_within_its_bound_and_errors_stay_longest(store: TraceStore, tmp_path: Path) -> None:
    noise = {f"key{number}": f"{number * 7919:x}" * 8 for number in range(40)}
    for number in range(1500):
        status = 503 if number % 20 == 0 else 200
        one = hop("1", "", "gateway", "shop", number, 0.1, status=status, attributes=noise | {"n": str(number)})
        store.write([Gathered(f"{number:032x}", {one.key: one}, NOW)], ())
    found = store.search(TraceQuery(limit=10_000))
    assert len(found) < 1500
    assert found[0].start == NOW + 1499
    errors = [one for one in found if one.error]
    assert len(errors) == 75  # all of them
    store.close()
    assert (tmp_path / "traces.db").stat().st_size < 1024 * 1024


def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "traces.db").write_bytes(b"this is no database" * 1000)
    store = TraceStore(tmp_path / "traces.db", said.append)
    store.open()
    fill(store)
    assert len(store.search(TraceQuery())) == 3
    store.close()
    assert (tmp_path / "traces.db.corrupt").exists()
    assert len(said) == 1
    assert said[0].startswith("the file of traces could not be read")


def test_a_full_disk_is_said_once_and_is_no_failure(store: TraceStore, said: list[str]) -> None:
    fill(store)
    assert store._base is not None
    store._base.execute("PRAGMA max_page_count = 1")
    big = {f"key{number}": f"{number * 104729:x}" * 20 for number in range(60)}
    for number in range(40):
        one = hop("1", "", "gateway", "shop", 0, 0.1, attributes=big | {"n": str(number) * 50})
        store.write([Gathered(f"{number:032x}", {one.key: one}, NOW)], ())
    assert said == ["traces can't be kept: database or disk is full"]
    assert store.unkept > 0
    assert len(store.search(TraceQuery(errors=True))) == 1


def test_a_disk_that_was_full_at_the_start_costs_nothing_that_was_kept(
    tmp_path: Path, store: TraceStore, said: list[str]
) -> None:
    fill(store)
    store.close()
    other = sqlite3.connect(tmp_path / "traces.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nothing can be written, as on a full disk
    again = TraceStore(tmp_path / "traces.db", said.append)
    again.open()
    assert len(again.search(TraceQuery())) == 3
    other.execute("ROLLBACK")
    other.close()
    again.close()
    assert said == []
