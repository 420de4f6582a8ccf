"""When is a save over? A state machine with the clock handed in, one for each service.

A plain save is over almost at once. What is waited for is what editors and tools are seen to do: a file that is gone
comes back (delete and create), an empty one is filled (truncate, then write), one that is held open or grows is written
to the end, a checkout goes on to the next file, and a formatter saves a second time.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

PLAIN = 0.001
"""Seconds without news after which a plain save is over, on top of those that `notify` waits before it hands on any."""
GONE = 0.150
"""A file that was there and is not: it may come back."""
EMPTY = 0.300
"""A file without content: it may be filled."""
WRITING = 1.0
"""A file that somebody holds open for writing; one that is never closed must not hold the rest up."""
STREAM, STREAM_FROM = 0.100, 20
"""Many files at once: a checkout, an unpacked archive."""
GROWING, GROWING_MOST = 2.0, 0.500
"""A file that changed again, where it can't be known who writes it: this multiple of the longest pause so far."""
AT_MOST = 5.0
"""Seconds after which what is there is taken, settled or not."""
BUSY_AT_MOST = 60.0
"""The same while a version control command says that it is at work."""
LIMIT = 10_000
"""Files remembered for one save; more are counted only."""

_AGAIN_WITHIN, _ALONE = 0.400, 1.0
_AGAIN_SLACK = 1.5
_AGAIN_CREDIT = 3
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells one content of a file from the next without reading it. A change of its mode is none."""

    device: int
    inode: int
    modified: int  # nanoseconds
    size: int


@dataclass(slots=True)
class _Pending:
    before: Signature | None
    now: Signature | None
    last: float
    pause: float = 0.0  # the longest between two changes
    writing: bool | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """A save that is over. `paths` are in the order in which they were noticed; `more` were not kept.

    modified: the times of modification of what is there now, in seconds since the epoch.
    """

    paths: tuple[str, ...]
    more: int
    first: float
    modified: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Past:
    """The newest save of a file that was told of."""

    last: float
    size: int
    alone: bool  # nothing had come for a while before it
    pair: float  # it is the second of two: seconds after the first; 0.0: it is not


@dataclass(slots=True)
class _Habit:
    """Files of this kind were saved a second time after this pause."""

    pause: float
    credit: int


@dataclass(slots=True)
class Settle:
    """Collects differences until they are one save. Times are seconds of any steady clock."""

    _pending: dict[str, _Pending] = field(default_factory=dict)
    _first: float = 0.0
    _more: int = 0
    _more_last: float = 0.0
    _past: dict[str, _Past] = field(default_factory=dict)
    _habits: dict[str, _Habit] = field(default_factory=dict)

    @property
    def pending(self) -> Collection[str]:
        return self._pending.keys()

    def note(self, path: str, before: Signature | None, now: Signature | None, at: float) -> None:
        """A file was `before` when last looked at, and is `now` something else; None is: not there."""
        if not self._pending and not self._more:
            self._first = at
        known = self._pending.get(path)
        if known is not None:
            known.pause = max(known.pause, at - known.last)
            known.now, known.last = now, at
        elif len(self._pending) >= LIMIT:
            self._more, self._more_last = self._more + 1, at
        else:
            self._learn(path, at)
            self._pending[path] = _Pending(before, now, at)

    def writing(self, path: str, held: bool | None) -> None:
        """Whether somebody holds the file open for writing; None: that can't be known."""
        if path in self._pending:
            self._pending[path].writing = held

    @property
    def held_open(self) -> bool:
        """Some file is being written, so it is worth asking again soon."""
        return any(item.writing for item in self._pending.values())

    def due(self, *, busy: bool = False) -> float | None:
        """When it is over if nothing more comes; None while there is nothing. May lie in the past."""
        if not self._pending and not self._more:
            return None
        many = len(self._pending) >= STREAM_FROM
        quiet = max(self._ends(many), default=self._first)
        if self._more:
            quiet = max(quiet, self._more_last + STREAM)
        return self._first + BUSY_AT_MOST if busy else min(quiet, self._first + AT_MOST)

    def take(self, at: float) -> Save | None:
        """Empty it. None when all is as it was: a temporary file came and went."""
        changed = {path: item for path, item in self._pending.items() if item.before != item.now}
        modified = tuple(item.now.modified / 1e9 for item in changed.values() if item.now is not None)
        save = Save(tuple(changed), self._more, self._first, modified) if changed or self._more else None
        for path, item in changed.items():
            self._remember(path, item)
        self._pending, self._more = {}, 0
        return save

    def _ends(self, many: bool) -> Iterator[float]:
        for path, item in self._pending.items():
            second = 0.0 if item.pause else self._second_save(path)
            yield item.last + max(_hold(item), STREAM if many else 0.0, second)

    # --- formatters ------------------------------------------------------------------------------------------------

    def _second_save(self, path: str) -> float:
        habit = self._habits.get(_kind(path))
        return habit.pause if habit is not None else 0.0

    def _learn(self, path: str, at: float) -> None:
        """Two saves of a file in one moment, with nothing before or after: the next time both are waited for."""
        past = self._past.get(path)
        if past is None or not past.pair or at - past.last < _ALONE:
            return
        self._habits[_kind(path)] = _Habit(past.pair * _AGAIN_SLACK + PLAIN, _AGAIN_CREDIT)

    def _remember(self, path: str, item: _Pending) -> None:
        past = self._past.pop(path, None)
        pause = item.last - past.last if past is not None else _ALONE
        second = past is not None and past.alone and pause <= _AGAIN_WITHIN and _size(item.now) != past.size
        self._past[path] = _Past(item.last, _size(item.now), pause >= _ALONE, pause if second else 0.0)
        while len(self._past) > _REMEMBERED:
            del self._past[next(iter(self._past))]
        self._spend(path, item)

    def _spend(self, path: str, item: _Pending) -> None:
        """A habit that did not show itself three times is forgotten."""
        habit = self._habits.get(_kind(path))
        if habit is None:
            return
        habit.credit = _AGAIN_CREDIT if item.pause else habit.credit - 1
        if habit.credit <= 0:
            del self._habits[_kind(path)]


def _hold(item: _Pending) -> float:
    """Seconds to wait after the file's last change."""
    if item.now is None:
        return PLAIN if item.before is None else GONE
    if item.writing:
        return WRITING
    growing = min(item.pause * GROWING, GROWING_MOST) if item.writing is None else 0.0
    return max(PLAIN, growing, EMPTY if item.now.size == 0 else 0.0)


def _size(signature: Signature | None) -> int:
    return signature.size if signature is not None else -1


def _kind(path: str) -> str:
    name = posixpath.basename(path)
    return posixpath.splitext(name)[1] or name
