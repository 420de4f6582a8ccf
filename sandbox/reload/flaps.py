"""Recognises a service that writes into its own folder whenever it runs, and so would reload for ever. Pure.

A program that writes when it starts, or by a timer, changes the same file after every reload and after nearly the same
time. People do so, too, with the file they work on, so more is asked of code: that the reload before was not even over.
A file that flaps is held: its changes reload nothing until it was quiet for a while.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field

IN_A_ROW, IN_A_ROW_OF_CODE = 5, 25
"""Changes of one file, each soon after the reload by the one before it."""
WITHIN = 20.0
"""Seconds in which a change may follow from the reload before it."""
ALIKE, SLACK = 1.25, 0.3
"""The longest of the pauses is at most this multiple of the shortest, and so many seconds."""
QUIET = 60.0
"""A held file without changes for so many seconds is let go."""

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


@dataclass(slots=True)
class _Run:
    last: float
    pauses: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Flaps:
    """Of one service. Times are seconds of any steady clock."""

    _runs: dict[str, _Run] = field(default_factory=dict)
    _held: dict[str, float] = field(default_factory=dict)  # when it last changed

    def held(self, path: str, at: float) -> bool:
        """Whether a change of the file counts for nothing. To be asked at every change of it."""
        last = self._held.get(path)
        if last is None:
            return False
        if at - last > QUIET:
            del self._held[path]
            return False
        self._held[path] = at
        return True

    def reloads(self, paths: Iterable[str], at: float, *, during: bool = False) -> tuple[str, ...]:
        """The service reloads for these; `during`: while it still did for the ones before.

        Returns those that are held from now on.
        """
        return tuple([path for path in paths if self._flaps(path, at, during)])

    def forget(self) -> None:
        """Somebody changed the rules: all are let go."""
        self._runs.clear()
        self._held.clear()

    def _flaps(self, path: str, at: float, during: bool) -> bool:
        code = posixpath.splitext(path)[1] in CODE
        enough = (IN_A_ROW_OF_CODE if code else IN_A_ROW) - 1
        run = self._runs.pop(path, None)
        pause = at - run.last if run is not None else WITHIN + 1
        if run is None or pause > WITHIN or (code and not during):
            run = _Run(at)
        else:
            run.last, run.pauses = at, [*run.pauses, pause][-enough:]
        if len(run.pauses) == enough and max(run.pauses) <= min(run.pauses) * ALIKE + SLACK:
            self._held[path] = at
            return True
        self._runs[path] = run
        while len(self._runs) > _REMEMBERED:
            del self._runs[next(iter(self._runs))]
        return False
