"""Traces on disk: SQLite in the project's folder, bounded, and never in the way of anything.

When there is no room, the oldest go first; those with errors stay until they are half of all. A file that can't be
read is set aside. Not for several threads at a time.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from sandbox.control.traces import TraceQuery, TraceSummary
from sandbox.files import set_aside
from sandbox.telemetry.traces.gather import Gathered
from sandbox.telemetry.traces.spans import StoredSpan
from sandbox.telemetry.traces.summary import fits, has_attribute, summarize

MOST_BYTES = 64 * 1024 * 1024
"""Of the file; its journal may hold as much for a moment."""

_MOST_READ = 5000  # traces whose spans one search by attribute reads
_AT_ONCE = 200  # traces removed together
_FEW = 500  # that one question names
_SMALL = 1024
"""Bytes of spans that are kept as they are: most traces are no larger, and packing them would take most of the time."""

_VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS traces (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, start REAL NOT NULL, duration REAL NOT NULL,
    error INTEGER NOT NULL, seen REAL NOT NULL, summary BLOB NOT NULL, spans BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS traces_start ON traces (start);
CREATE INDEX IF NOT EXISTS traces_duration ON traces (duration);
"""
_FROM_1 = """
BEGIN;
ALTER TABLE traces ADD COLUMN spans BLOB NOT NULL DEFAULT X'90';
UPDATE traces SET spans = coalesce((SELECT spans FROM bodies WHERE bodies.id = traces.id), spans);
DROP TABLE bodies;
PRAGMA user_version = 2;
COMMIT;
"""

_PUT = (
    "INSERT INTO traces (id, start, duration, error, seen, summary, spans) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET start = excluded.start, duration = excluded.duration, error = excluded.error, "
    "seen = excluded.seen, summary = excluded.summary, spans = excluded.spans"
)

_spans_in = msgspec.msgpack.Decoder(list[StoredSpan])
_summary_in = msgspec.msgpack.Decoder(TraceSummary)
_encode = msgspec.msgpack.Encoder().encode


class TraceStore:
    """`complain` hears, once for each cause, why something is not kept. unkept: traces that could not be written."""

    def __init__(self, path: Path, complain: Callable[[str], None], most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._complain = complain
        self._most_bytes = most_bytes
        self._base: sqlite3.Connection | None = None
        self._said = ""
        self.unkept = 0

    def open(self) -> None:
        try:
            self._base = self._connect()
        except sqlite3.OperationalError as error:
            self._say(f"traces can't be kept: {error}")  # what there is may be sound
        except sqlite3.DatabaseError as error:
            self._start_anew(error)

    def close(self) -> None:
        if self._base is not None:
            self._base.close()
            self._base = None

    def write(self, changed: Iterable[Gathered], gone: Iterable[str]) -> None:
        changed = list(changed)
        try:
            self._write(changed, gone)
        except sqlite3.OperationalError as error:
            self.unkept += len(changed)
            self._say(f"traces can't be kept: {error}")
        except sqlite3.DatabaseError as error:
            self.unkept += len(changed)
            self._start_anew(error)
        else:
            self._said = ""

    def spans(self, trace: str) -> list[StoredSpan]:
        """Empty when there are none."""
        return self.several((trace,)).get(trace, [])

    def several(self, traces: Collection[str]) -> dict[str, list[StoredSpan]]:
        """Spans by trace, of those that are there."""
        found: dict[str, list[StoredSpan]] = {}
        wanted = list(traces)
        for first in range(0, len(wanted), _FEW):
            few = wanted[first : first + _FEW]
            rows = self._each(f"SELECT id, spans FROM traces WHERE id IN ({','.join('?' * len(few))})", *few)
            found.update((id, _unpacked(raw)) for id, raw in rows)
        return found

    def seen(self, trace: str) -> float:
        """When the newest of it came."""
        row = self._one("SELECT seen FROM traces WHERE id = ?", trace)
        return float(row[0]) if row else 0.0

    def named(self, beginning: str, most: int = 3) -> list[str]:
        """The ids that begin so, the newest first."""
        until = f"{beginning}g"  # above every hex digit
        query = "SELECT id FROM traces WHERE id >= ? AND id < ? ORDER BY number DESC LIMIT ?"
        return [id for (id,) in self._each(query, beginning, until, most)]

    def search(self, query: TraceQuery) -> tuple[TraceSummary, ...]:
        found: list[TraceSummary] = []
        for number, summary in enumerate(self._candidates(query)):
            if len(found) >= query.limit:
                break
            if query.attribute is not None and (
                number >= _MOST_READ or not has_attribute(query.attribute, self.spans(summary.id))
            ):
                continue
            found.append(summary)
        return tuple(found)

    def _candidates(self, query: TraceQuery) -> Iterator[TraceSummary]:
        order = "duration" if query.slowest else "start"
        conditions = {
            "start >= ?": query.since,
            "start <= ?": query.until,
            "duration >= ?": query.min_duration,
            "error = ?": 1 if query.errors else None,
        }
        where = " AND ".join(["1", *(text for text, value in conditions.items() if value is not None)])
        values = [value for value in conditions.values() if value is not None]
        for (raw,) in self._each(f"SELECT summary FROM traces WHERE {where} ORDER BY {order} DESC", *values):
            summary = _summary_in.decode(raw)
            if fits(query, summary):
                yield summary

    # --- the file

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            self._path.chmod(0o600)
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            base.execute("PRAGMA journal_size_limit = 8388608")
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version not in (0, 1, _VERSION):
                raise sqlite3.DatabaseError(f"it is of version {version}")
            if version == 1:
                base.executescript(_FROM_1)
            if version != _VERSION:  # a full disk can still be read
                base.executescript(_SCHEMA)
                base.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            base.close()
            raise
        return base

    def _write(self, changed: list[Gathered], gone: Iterable[str]) -> None:
        if self._base is None:
            self._base = self._connect()
        with _Transaction(self._base) as base:
            self._remove(base, gone)
            base.executemany(_PUT, map(_row, changed))
        self._make_room(self._base)

    def _remove(self, base: sqlite3.Connection, traces: Iterable[str]) -> None:
        base.executemany("DELETE FROM traces WHERE id = ?", ((one,) for one in traces))

    def _make_room(self, base: sqlite3.Connection) -> None:
        while self._used(base) > self._most_bytes and (old := self._oldest(base)):
            with _Transaction(base):
                self._remove(base, old)

    def _used(self, base: sqlite3.Connection) -> int:
        read = (base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
        pages, free, size = read
        return int((pages - free) * size)

    def _oldest(self, base: sqlite3.Connection) -> list[str]:
        """By when they came, not by what they say: clocks may be set."""
        total, errors = base.execute("SELECT count(*), coalesce(sum(error), 0) FROM traces").fetchone()
        only = "" if errors * 2 > total else "WHERE error = 0"
        rows = base.execute(f"SELECT id FROM traces {only} ORDER BY number LIMIT ?", (_AT_ONCE,)).fetchall()
        return [id for (id,) in rows]

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        return next(self._each(query, *values), None)

    def _each(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        if self._base is None:
            return
        try:
            yield from self._base.execute(query, values)
        except sqlite3.DatabaseError as error:
            self._say(f"traces can't be read: {error}")

    def _start_anew(self, error: sqlite3.DatabaseError) -> None:
        self.close()
        try:
            aside = set_aside(self._path)
            for suffix in ("-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._base = self._connect()
        except (OSError, sqlite3.DatabaseError) as again:
            self._say(f"traces can't be kept: {again}")
        else:
            self._say(f"the file of traces could not be read ({error}); it is now {aside}, and a new one was begun")

    def _say(self, message: str) -> None:
        if message != self._said:
            self._said = message
            self._complain(message)


def _row(one: Gathered) -> tuple[object, ...]:
    spans = list(one.spans.values())
    summary = summarize(one.id, spans)
    start, duration, error = summary.start, summary.duration, summary.error
    return one.id, start, duration, error, one.seen, _encode(summary), _packed(_encode(spans))


def _packed(data: bytes) -> bytes:
    return data if len(data) < _SMALL else zlib.compress(data, 1)


def _unpacked(data: bytes) -> list[StoredSpan]:
    """What is packed begins as no list of msgpack does."""
    return _spans_in.decode(zlib.decompress(data) if data[:1] == b"x" else data)


class _Transaction:
    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> sqlite3.Connection:
        self._base.execute("BEGIN IMMEDIATE")
        return self._base

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        if kind is None:
            self._base.execute("COMMIT")
        elif self._base.in_transaction:
            self._base.execute("ROLLBACK")
