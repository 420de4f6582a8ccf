"""The file of numbers: SQLite in WAL mode, private, of a bounded size.

What is wrong with a file is told by the type: `Unwritable` (a full disk, a folder that is gone) may pass, and what was
there can still be read; `Damaged` can't be used any more.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

MOST_BYTES = 160 * 1024 * 1024
"""Of the chunks; with the write-ahead log and free pages the file stays below 200 MB."""

_LAYOUT = 1
_WAL_PAGES = 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, kind TEXT, a TEXT, b TEXT, c TEXT);
CREATE TABLE IF NOT EXISTS chunk(
    series INTEGER, step INTEGER, start INTEGER, data BLOB, PRIMARY KEY(series, step, start)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chunk_by_time ON chunk(step, start);
CREATE TABLE IF NOT EXISTS journal(at INTEGER, data BLOB);
"""


class Unwritable(Exception):
    """Nothing was changed."""


class Damaged(Exception):
    pass


class ChunkRow(NamedTuple):
    series: int
    step: int
    start: int
    data: bytes


class SeriesRow(NamedTuple):
    id: int
    kind: str
    a: str
    b: str
    c: str


class Database:
    """Used by one thread. Every method may raise Damaged; those that change something, Unwritable."""

    def __init__(self, path: Path | None) -> None:
        """None: in memory. Unwritable when there is no such file and none can be made."""
        if path is not None:
            self._make_private(path)
        with _told():
            self._connection = sqlite3.connect(
                str(path) if path is not None else ":memory:", isolation_level=None, check_same_thread=False
            )
            self._set_up()

    @staticmethod
    def _make_private(path: Path) -> None:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            path.chmod(0o600)
        except OSError as error:
            raise Unwritable(error.strerror or str(error)) from error

    def _set_up(self) -> None:
        """Of a file that is there already nothing is changed: on a full disk it can still be read."""
        run = self._connection.execute
        (layout,) = run("PRAGMA user_version").fetchone()
        if layout not in (0, _LAYOUT):
            raise Damaged(f"written by another version ({layout})")
        if layout == 0:
            run("PRAGMA auto_vacuum=INCREMENTAL")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=NORMAL")
        run(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        run(f"PRAGMA journal_size_limit={_WAL_PAGES * 4096}")
        run("PRAGMA cache_size=-4000")
        if layout == 0:
            self._connection.executescript(_SCHEMA)
            run(f"PRAGMA user_version={_LAYOUT}")

    def close(self) -> None:
        self._connection.close()

    def series(self) -> list[SeriesRow]:
        with _told():
            return [SeriesRow(*row) for row in self._connection.execute("SELECT id, kind, a, b, c FROM series")]

    def journal(self) -> list[tuple[int, bytes]]:
        with _told():
            return list(self._connection.execute("SELECT at, data FROM journal ORDER BY rowid"))

    def note(self, seconds: Sequence[tuple[int, bytes]], series: Sequence[SeriesRow]) -> None:
        with self._changing():
            self._add_series(series)
            self._connection.executemany("INSERT INTO journal VALUES(?, ?)", seconds)

    def keep(self, rows: Iterable[ChunkRow], series: Sequence[SeriesRow], keep_from: Sequence[tuple[int, int]]) -> None:
        """Replace what there is of these chunks; then the journal is done with. keep_from: of each step, the time
        before which chunks go."""
        with self._changing():
            self._add_series(series)
            self._connection.executemany("REPLACE INTO chunk VALUES(?, ?, ?, ?)", rows)
            self._connection.execute("DELETE FROM journal")
            for step, start in keep_from:
                self._connection.execute("DELETE FROM chunk WHERE step = ? AND start < ?", (step, start))
            self._shrink()

    def chunks(self, series: int, step: int, since: int, until: int) -> Iterator[ChunkRow]:
        """Those that start within these times, in order."""
        with _told():
            yield from (
                ChunkRow(*row)
                for row in self._connection.execute(
                    "SELECT series, step, start, data FROM chunk"
                    " WHERE series = ? AND step = ? AND start BETWEEN ? AND ? ORDER BY start",
                    (series, step, since, until),
                ).fetchall()
            )

    def begun(self, step: int, start: int) -> list[ChunkRow]:
        """All series' chunks of this start."""
        with _told():
            rows = self._connection.execute(
                "SELECT series, step, start, data FROM chunk WHERE step = ? AND start = ?", (step, start)
            )
            return [ChunkRow(*row) for row in rows]

    def forget_unused(self) -> set[int]:
        """Series without a chunk, which are removed."""
        unused = "SELECT id FROM series WHERE id NOT IN (SELECT series FROM chunk)"
        with self._changing():
            found = {row[0] for row in self._connection.execute(unused)}
            self._connection.executemany("DELETE FROM series WHERE id = ?", [(one,) for one in found])
        return found

    def _add_series(self, series: Sequence[SeriesRow]) -> None:
        self._connection.executemany("REPLACE INTO series VALUES(?, ?, ?, ?, ?)", series)

    def _shrink(self) -> None:
        """The oldest and longest steps go first: what is asked for most is what has just been."""
        while self._used() > MOST_BYTES:
            oldest = self._connection.execute("SELECT step, min(start) FROM chunk GROUP BY step ORDER BY step DESC")
            found = oldest.fetchone()
            if found is None:
                return
            self._connection.execute("DELETE FROM chunk WHERE step = ? AND start <= ?", found)
        self._connection.execute("PRAGMA incremental_vacuum(200)")

    def _used(self) -> int:
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with _told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "no such" in str(error):  # table or column
            raise Damaged(str(error)) from error
        raise Unwritable(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise Damaged(str(error)) from error
