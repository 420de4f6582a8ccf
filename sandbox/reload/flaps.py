"""Recognises a service that writes into its own folder whenever it runs, and so would reload for ever. Pure.

A program that writes when it starts, or by a timer, changes the same file after every reload and after nearly the same
time. People do so, too, with the file they work on, so more is asked of code: that the reload before was not even over.

A file that flaps is held: its changes reload nothing until it has been quiet for a while, or was held for long. Then it
is let go, and what was saved last is applied, so that nobody's save is lost. If it flaps again at once, it is held for
twice as long.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

IN_A_ROW, IN_A_ROW_OF_CODE = 5, 25
"""Changes of one file, each soon after the reload by the one before it."""
WITHIN = 20.0
"""Seconds in which a change may follow from the reload before it."""
ALIKE, SLACK = 1.25, 0.3
"""The longest of the pauses is at most this multiple of the shortest, and so many seconds."""
HOLD, HOLD_OF_CODE = 10.0, 2.0
"""Seconds without a change after which a held file is let go for the first time."""
LONGEST_HOLD = 3600.0
AT_MOST = 6
"""So many times as long a file is held that is never quiet."""

CODE = frozenset(
    {
        ".py",
        ".pyi",
        ".js",
        ".mjs",
        ".cjs",
        ".jsx",
        ".ts",
        ".tsx",
        ".vue",
        ".svelte",
        ".go",
        ".java",
        ".kt",
        ".scala",
        ".rs",
    }
    | {".rb", ".php", ".c", ".h", ".cc", ".cpp", ".cs", ".ex", ".exs", ".sh", ".html", ".htm"}
    | {".css", ".scss", ".less", ".jinja", ".jinja2", ".j2", ".tmpl", ".sql", ".graphql", ".proto"}
)
"""What people write by hand, and save again and again."""

_REMEMBERED = 200


def is_code(subject: str) -> bool:
    return posixpath.splitext(subject)[1] in CODE


def subject_of(path: str, *, is_new: bool) -> str:
    """What may flap: the file; or all like it (`/app/run/*.json`), where a program gives each one another name."""
    if not is_new or is_code(path):
        return path
    return posixpath.join(posixpath.dirname(path), f"*{posixpath.splitext(path)[1]}")


@dataclass(slots=True)
class _Run:
    last: float
    pauses: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Held:
    since: float
    last: float  # when it last changed
    hold: float
    pause: float  # the longest of its loop

    @property
    def due(self) -> float:
        return min(self.last + self.hold, self.since + AT_MOST * self.hold)


@dataclass(slots=True)
class _Trial:
    """It was let go; whether it goes on is to be seen."""

    hold: float
    pause: float
    since: float  # when it was let go, or the newest reload because of it


@dataclass(slots=True)
class Flaps:
    """Of one service. Subjects are those of `subject_of`; times are seconds of any steady clock."""

    _runs: dict[str, _Run] = field(default_factory=dict)
    _held: dict[str, _Held] = field(default_factory=dict)
    _trials: dict[str, _Trial] = field(default_factory=dict)

    def held(self, subject: str, at: float, *, during: bool = False) -> bool:
        """Whether a change reloads nothing for now; `during`: a reload is under way. To be asked at every change."""
        held = self._held.get(subject)
        if held is not None:
            held.last = at
            return True
        trial = self._trials.get(subject)
        if trial is None or not _goes_on(trial, subject, at, during):
            return False
        del self._trials[subject]
        self._held[subject] = _Held(at, at, min(LONGEST_HOLD, 2 * trial.hold), trial.pause)
        return True

    def reloads(self, subjects: Iterable[str], at: float, *, during: bool = False) -> None:
        """The service reloads because of these; `during`: while it still did because of the ones before."""
        for subject in dict.fromkeys(subjects):
            trial = self._trials.get(subject)
            if trial is not None and at - trial.since <= WITHIN:
                trial.since = at
            else:
                self._trials.pop(subject, None)
                self._count(subject, at, during)

    def due(self) -> float | None:
        """When the next one is to be let go."""
        return min((held.due for held in self._held.values()), default=None)

    def let_go(self, at: float) -> tuple[str, ...]:
        """Those that were held for long enough: what was saved last is to be applied now."""
        return self._release(lambda held: held.due <= at, at)

    def let_all_go(self, at: float) -> tuple[str, ...]:
        return self._release(lambda held: True, at)

    def forget(self) -> None:
        """Somebody changed the rules."""
        self._runs.clear()
        self._trials.clear()

    def drop(self, is_ignored: Callable[[str], bool]) -> tuple[str, ...]:
        """Without those that are to be ignored from now on, which are returned. Asked of the subjects."""
        found = tuple(subject for subject in (*self._held, *self._trials) if is_ignored(subject))
        for subject in found:
            self._held.pop(subject, None)
            self._trials.pop(subject, None)
        return found

    def standing(self, at: float) -> Iterator[str]:
        """Those that a person should do something about. Code that flapped once may have been saved by a person."""
        for subject, held in self._held.items():
            if not is_code(subject) or held.hold > HOLD_OF_CODE:
                yield subject
        for subject, trial in self._trials.items():
            again = not is_code(subject) or trial.hold > HOLD_OF_CODE
            if again and at - trial.since <= WITHIN:
                yield subject

    # --- inside --------------------------------------------------------------------------------------------------

    def _release(self, which: Callable[[_Held], bool], at: float) -> tuple[str, ...]:
        found = tuple(subject for subject, held in self._held.items() if which(held))
        for subject in found:
            held = self._held.pop(subject)
            self._trials[subject] = _Trial(held.hold, held.pause, at)
        _bound(self._trials)
        return found

    def _count(self, subject: str, at: float, during: bool) -> None:
        code = is_code(subject)
        enough = (IN_A_ROW_OF_CODE if code else IN_A_ROW) - 1
        run = self._runs.pop(subject, None)
        pause = at - run.last if run is not None else WITHIN + 1
        if run is None or pause > WITHIN or (code and not during):
            run = _Run(at)
        else:
            run.last, run.pauses = at, [*run.pauses, pause][-enough:]
        if len(run.pauses) == enough and max(run.pauses) <= min(run.pauses) * ALIKE + SLACK:
            self._held[subject] = _Held(at, at, HOLD_OF_CODE if code else HOLD, max(run.pauses))
        else:
            self._runs[subject] = run
            _bound(self._runs)


def _goes_on(trial: _Trial, subject: str, at: float, during: bool) -> bool:
    expected = WITHIN if is_code(subject) else min(WITHIN, trial.pause * ALIKE + SLACK)
    return at - trial.since <= expected and (during or not is_code(subject))


def _bound(known: dict[str, _Run] | dict[str, _Trial]) -> None:
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]
