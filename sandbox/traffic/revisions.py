"""What was in force, and when: numbered revisions in a SQLite file that only its owner reads.

Each revision holds the documents of all services, so any of them can be put in force again by itself. The newest is
what is in force. Notes beside them (what the file said, a trial, ramps) are written in the same transaction, so that
whoever reads them after a crash sees one moment.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.control import Document, Origin, Revision
from sandbox.errors import SandboxError
from sandbox.files import set_aside

KEPT = 500
"""Revisions; older ones go."""

_GREATEST = 2**63 - 1
"""Number that SQLite knows."""

_FORMAT = 1
_TABLES = """
CREATE TABLE revisions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, origin TEXT NOT NULL, why TEXT NOT NULL,
    summary TEXT NOT NULL, services TEXT NOT NULL, documents TEXT NOT NULL
);
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    revision: Revision
    documents: Mapping[str, Document]


class RevisionStore:
    """Every method may raise SandboxError when the disk does not take or give what it should."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        """say: told of a file that had to be set aside. SQLite's ":memory:" is no file."""
        self._path = path
        self._say = say
        self._database = self._opened()

    def close(self) -> None:
        self._database.close()

    def add(
        self,
        documents: Mapping[str, Document],
        *,
        at: float,
        origin: Origin,
        why: str,
        summary: str,
        services: tuple[str, ...],
        notes: Callable[[int], Mapping[str, Any]] = lambda number: {},
    ) -> Revision:
        """notes: as `note`, of the revision's number."""
        row = (at, origin, why, summary, json.dumps(services), json.dumps(documents))
        try:
            with self._database as database:
                number = database.execute(
                    "INSERT INTO revisions (at, origin, why, summary, services, documents) VALUES (?, ?, ?, ?, ?, ?)",
                    row,
                ).lastrowid
                assert number is not None
                database.execute("DELETE FROM revisions WHERE number <= ?", (number - KEPT,))
                self._write_notes(notes(number))
        except sqlite3.Error as error:
            raise self._failed(error) from None
        return Revision(number=number, at=at, origin=origin, why=why, summary=summary, services=services)

    def note(self, **notes: Any) -> None:
        """Keep what JSON can hold, by name; None removes it."""
        try:
            with self._database:
                self._write_notes(notes)
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def noted(self, name: str) -> Any:
        """None when nothing is."""
        rows = self._read("SELECT value FROM notes WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None

    def newest(self) -> Kept | None:
        rows = self._read("SELECT * FROM revisions ORDER BY number DESC LIMIT 1")
        return _kept(rows[0]) if rows else None

    def get(self, number: int) -> Kept | None:
        if not 0 < number <= _GREATEST:
            return None
        rows = self._read("SELECT * FROM revisions WHERE number = ?", (number,))
        return _kept(rows[0]) if rows else None

    def before(self, number: int) -> Kept | None:
        """The one that was in force before it."""
        rows = self._read("SELECT * FROM revisions WHERE number < ? ORDER BY number DESC LIMIT 1", (number,))
        return _kept(rows[0]) if rows else None

    def history(self, limit: int) -> tuple[Revision, ...]:
        """The newest first."""
        rows = self._read("SELECT * FROM revisions ORDER BY number DESC LIMIT ?", (limit,))
        return tuple(_kept(row).revision for row in rows)

    def _write_notes(self, notes: Mapping[str, Any]) -> None:
        for name, value in notes.items():
            if value is None:
                self._database.execute("DELETE FROM notes WHERE name = ?", (name,))
            else:
                self._database.execute("REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: sqlite3.Error | OSError) -> SandboxError:
        return SandboxError(
            f"can't keep the history of traffic: {error}", place=str(self._path), hint="is the disk full?"
        )

    # --- the file -------------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        try:
            return _connected(self._path)
        except (sqlite3.DatabaseError, ValueError, OSError) as error:
            if isinstance(error, sqlite3.OperationalError | OSError):  # locked, no room, not allowed: no damage
                raise self._failed(error) from None
            aside = _put_aside(self._path)
            self._say(f"the history of traffic was damaged ({error}) and begins anew; the old file is {aside}")
            return _connected(self._path)


def _connected(path: Path) -> sqlite3.Connection:
    """sqlite3.Error or ValueError when it is no file of ours, OSError when it can't be made."""
    if str(path) != ":memory:":
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, timeout=5.0)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found == 0:
            database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={_FORMAT}; COMMIT;")
        elif found != _FORMAT:
            raise ValueError(f"it is of format {found}")
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise ValueError(verdict)
        newest = database.execute("SELECT * FROM revisions ORDER BY number DESC LIMIT 1").fetchall()
        for row in newest:
            _kept(row)
    except BaseException:
        database.close()
        raise
    return database


def _put_aside(path: Path) -> Path:
    aside = set_aside(path)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
    return aside


def _kept(row: Any) -> Kept:
    number, at, origin, why, summary, services, documents = row
    revision = Revision(
        number=number,
        at=at,
        origin=Origin(origin),
        why=why,
        summary=summary,
        services=tuple(json.loads(services)),
    )
    return Kept(revision=revision, documents=json.loads(documents))
