"""Numbers over time: 1 s for a quarter of an hour, 10 s for six hours, 1 min for three days.

Each second in which something happened is noted in the file's journal at once. When its minute is over, the minute
becomes a chunk of seconds of each series, and is added to the series' chunks of longer steps. So a second costs one
small row, a query reads a few chunks, and what was noted outlives whatever ends. What can't be written waits in memory
for the next minute.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from operator import add as add_up
from pathlib import Path

import msgspec

from sandbox.files import set_aside
from sandbox.telemetry.chunks import STEPS, Columns, Segment, Wanted, add, pack, rolled, unpack, widened
from sandbox.telemetry.columns import READINGS, Amounts, EdgeKey, InstanceKey, SeriesKey
from sandbox.telemetry.database import ChunkRow, Damaged, Database, SeriesRow, Unwritable

KEPT: Mapping[int, int] = {1: 15 * 60, 10: 6 * 3600, 60: 3 * 86400}
"""Seconds that steps of so many seconds are kept."""

COVERAGE = "milliseconds"
"""The column of `CLOCK` that says how much of a step was watched."""

CLOCK = InstanceKey("", "", "")
"""The series of the readings themselves."""

_MINUTE = 60
_IDLE_NOTES = 10
"""Seconds in which nothing happened that are noted together."""

_MOST_WAITING = 20_000  # chunks, some 10 MB
_MOST_SERIES = 5000
_journal_encoder = msgspec.msgpack.Encoder()
_journal_decoder = msgspec.msgpack.Decoder(dict[int, dict[str, int]])

Say = Callable[[str], None]
Second = tuple[int, int, Mapping[SeriesKey, Amounts]]
"""When it was, milliseconds of which it is the reading, and what was counted."""


class Store:
    """Used by one thread. Nothing that happens to the file raises: it is said once, and numbers are kept in memory.

    path: None for memory alone. say: takes a sentence for people.
    """

    def __init__(self, path: Path | None, say: Say) -> None:
        self._path = path
        self._say = say
        self._trouble = ""
        self._ids: dict[SeriesKey, int] = {}
        self._unsaved: list[SeriesRow] = []
        self._unnoted: list[tuple[int, bytes]] = []
        self._minute: int | None = None
        self._open: dict[int, Columns] = {}  # this minute, by series
        self._longer: dict[int, tuple[int, dict[int, Columns]]] = {}  # step → start, by series
        self._waiting: dict[tuple[int, int, int], bytes] = {}  # what could not be written: series, step, start
        self.dropped = 0  # of these, chunks that were too many
        self.refused = 0  # amounts of series that were too many
        self._database = self._opened()
        self._replay()

    def close(self) -> None:
        """The minute that is not over is in the journal."""
        if self._unnoted and not self._trouble:
            self._try(self._note)
        self._database.close()

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, at: int, milliseconds: int, parts: Mapping[SeriesKey, Amounts]) -> None:
        """What was counted in the second `at` (since the epoch), as the reading of so many milliseconds."""
        self.write_all([(at, milliseconds, parts)])

    def write_all(self, seconds: Iterable[Second]) -> None:
        """Of several, one after another, with one note."""
        busy = [self._written(*second) for second in seconds]
        if (any(busy) or len(self._unnoted) >= _IDLE_NOTES) and not self._trouble:
            self._try(self._note)
        del self._unnoted[:-_IDLE_NOTES]  # in trouble they are kept by the minute alone

    def _written(self, at: int, milliseconds: int, parts: Mapping[SeriesKey, Amounts]) -> bool:
        """Whether there was anything."""
        self._turn(at)  # before ids are given: a series without a chunk is forgotten by it
        watched = {CLOCK: {COVERAGE: milliseconds, READINGS: 1}}
        amounts = {id: one for key, one in (watched | dict(parts)).items() if one and (id := self._id(key))}
        self._take(at, amounts)
        self._unnoted.append((at, _journal_encoder.encode(amounts)))
        return len(amounts) > 1

    def _note(self) -> None:
        self._database.note(self._unnoted, self._unsaved)
        self._unnoted.clear()
        self._unsaved.clear()

    def _take(self, at: int, amounts: Mapping[int, Amounts]) -> None:
        self._turn(at)
        for series, one in amounts.items():
            add(self._open.setdefault(series, {}), at % _MINUTE, one)

    def _turn(self, at: int) -> None:
        """To the minute that this second is in."""
        minute = at - at % _MINUTE
        if self._minute is not None and minute != self._minute:
            self._flush()
        self._minute = minute

    def _flush(self) -> None:
        """The minute is over."""
        minute, columns = self._minute, self._open
        assert minute is not None  # its second was taken
        self._open = {}
        rows = [row for step in (10, 60) for row in self._added(step, minute, columns)]
        for series, before in self._begun(1, minute).items():  # the clock was set back: it was lived through before
            columns[series] = _merged(before, columns.get(series, {}))
        rows += [ChunkRow(series, 1, minute, pack(one)) for series, one in columns.items()]
        for row in rows:
            self._waiting[row[:3]] = row.data
        self._shorten()
        self._try(lambda: self._keep(minute), proves=True)

    def _added(self, step: int, minute: int, columns: Mapping[int, Columns]) -> list[ChunkRow]:
        """The chunks of longer steps that the minute is in, with it."""
        length = STEPS * step
        start = minute - minute % length
        if self._longer.get(step, (None,))[0] != start:
            self._longer[step] = start, self._begun(step, start)
        known = self._longer[step][1]
        rows = []
        for series, one in columns.items():
            into = known.setdefault(series, {})
            for first, amounts in rolled(one, step):
                add(into, (minute + first - start) // step, amounts)
            rows.append(ChunkRow(series, step, start, pack(into)))
        return rows

    def _begun(self, step: int, start: int) -> dict[int, Columns]:
        """What an earlier supervisor, or an earlier time with the same name, left of it."""
        kept: list[ChunkRow] = []
        self._try(lambda: kept.extend(self._database.begun(step, start)))
        found = {row.series: row.data for row in kept}
        found |= {series: data for (series, a, b), data in self._waiting.items() if (a, b) == (step, start)}
        return {series: widened(self._unpacked(data)) for series, data in found.items()}

    def _keep(self, minute: int) -> None:
        rows = [ChunkRow(*key, data) for key, data in self._waiting.items()]
        oldest = [(step, minute - kept - STEPS * step) for step, kept in KEPT.items()]
        self._database.keep(rows, self._unsaved, oldest)
        self._waiting.clear()
        self._unsaved.clear()
        self._unnoted.clear()
        if minute % 3600 == 0:
            self._forget()

    def _forget(self) -> None:
        unused = self._database.forget_unused() - self._open.keys()
        for key in [key for key, id in self._ids.items() if id in unused]:
            del self._ids[key]

    def _shorten(self) -> None:
        while len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1

    def _id(self, key: SeriesKey) -> int:
        """0 when there are too many."""
        found = self._ids.get(key)
        if found is None:
            if len(self._ids) >= _MOST_SERIES:
                self._refuse()
                return 0
            found = max(self._ids.values(), default=0) + 1
            self._ids[key] = found
            self._unsaved.append(_row(found, key))
        return found

    def _refuse(self) -> None:
        if not self.refused:
            self._say(f"numbers of more than {_MOST_SERIES} edges and instances are not kept")
        self.refused += 1

    # --- reading --------------------------------------------------------------------------------------------------

    def known(self) -> tuple[SeriesKey, ...]:
        return tuple(key for key in self._ids if key != CLOCK)

    def read(
        self, keys: Iterable[SeriesKey], since: int, until: int, step: int, wanted: Wanted
    ) -> dict[SeriesKey, list[Segment]]:
        """The wanted columns of these series within the times, in steps of `step` seconds (one of KEPT) and, of the
        minute that is not over, in seconds."""
        return {key: self._segments(self._ids[key], since, until, step, wanted) for key in keys if key in self._ids}

    def _segments(self, series: int, since: int, until: int, step: int, wanted: Wanted) -> list[Segment]:
        length = STEPS * step
        first = since - since % length
        found: dict[int, bytes] = {}
        kept: list[ChunkRow] = []
        self._try(lambda: kept.extend(self._database.chunks(series, step, first, until)))
        found.update({row.start: row.data for row in kept})
        for (one, a, start), data in self._waiting.items():
            if (one, a) == (series, step) and first <= start <= until:
                found[start] = data
        segments = [Segment(start, step, self._unpacked(found[start], wanted)) for start in sorted(found)]
        if self._minute is not None and series in self._open:
            now = {column: one for column, one in self._open[series].items() if wanted(column)}
            segments.append(Segment(self._minute, 1, now))
        return segments

    def _unpacked(self, data: bytes, wanted: Wanted = lambda column: True) -> Columns:
        try:
            return unpack(data, wanted)
        except ValueError:
            return {}

    # --- the file -------------------------------------------------------------------------------------------------

    def _opened(self) -> Database:
        try:
            return Database(self._path)
        except Damaged as error:
            return self._anew(str(error))
        except Unwritable as error:
            self._say(f"numbers are kept in memory alone: {self._path} can't be opened: {error}")
            return Database(None)

    def _anew(self, why: str) -> Database:
        """The damaged file is set aside, and another one begun."""
        assert self._path is not None  # memory does not get damaged
        self._unsaved = [_row(id, key) for key, id in self._ids.items()]
        try:
            aside = set_aside(self._path)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            database = Database(self._path)
            self._say(f"the file of numbers was damaged ({why}) and set aside as {aside}; a new one was begun")
            return database
        except (OSError, Damaged, Unwritable) as error:
            self._say(f"the file of numbers is damaged ({why}); numbers are kept in memory alone: {error}")
            return Database(None)

    def _replay(self) -> None:
        """What an earlier supervisor noted of the minute in which it ended."""
        rows: list[SeriesRow] = []
        journal: list[tuple[int, bytes]] = []
        self._try(lambda: rows.extend(self._database.series()))
        self._try(lambda: journal.extend(self._database.journal()))
        for row in rows:
            if (key := _key(row)) is not None:
                self._ids[key] = row.id
        for at, data in journal:
            try:
                self._take(at, _journal_decoder.decode(data))
            except msgspec.MsgspecError:
                continue

    def _try(self, action: Callable[[], None], *, proves: bool = False) -> None:
        """proves: that it can be done means that the trouble is over."""
        try:
            action()
        except Unwritable as error:
            if not self._trouble:
                self._say(f"numbers can't be written to {self._path} and stay in memory until they can: {error}")
            self._trouble = str(error)
        except Damaged as error:
            self._database.close()
            self._database = self._anew(str(error))
        else:
            if self._trouble and proves:
                self._trouble = ""
                self._say("numbers are written to the disk again")


def _merged(one: Columns, other: Columns) -> Columns:
    merged = {column: array("Q", amounts) for column, amounts in one.items()}
    for column, amounts in other.items():
        before = merged.get(column, array("Q", bytes(8 * STEPS)))
        merged[column] = array("Q", map(add_up, before, amounts))
    return merged


def _row(id: int, key: SeriesKey) -> SeriesRow:
    if isinstance(key, EdgeKey):
        return SeriesRow(id, "edge", key.caller, key.callee, key.version)
    return SeriesRow(id, "instance", key.service, key.version, key.instance)


def _key(row: SeriesRow) -> SeriesKey | None:
    kinds: Mapping[str, Callable[[str, str, str], SeriesKey]] = {"edge": EdgeKey, "instance": InstanceKey}
    return kinds[row.kind](row.a, row.b, row.c) if row.kind in kinds else None


def step_for(since: int, now: int, step: float) -> int:
    """The longest kept steps that are no longer than `step` and reach back to `since`; else the longest."""
    reaching = [one for one, kept in KEPT.items() if now - since <= kept + _MINUTE]
    fitting = [one for one in reaching if one <= step]
    return max(fitting) if fitting else min(reaching, default=max(KEPT))
