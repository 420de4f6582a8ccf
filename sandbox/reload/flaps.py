"""Recognises a service that writes into its own folder whenever it starts, and so would reload for ever. Pure.

A person saves at odd moments; a program that writes when it starts, or by a timer, changes the same file after every
reload and after nearly the same time. A file that does so is held: its changes reload nothing until it was quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

IN_A_ROW = 4
"""Changes of one file, each soon after the reload by the one before it."""
WITHIN = 20.0
"""Seconds in which a change may follow from the reload before it."""
ALIKE = 1.4
"""The longest of the pauses is at most this multiple of the shortest, and half a second."""
_SLACK = 0.5
QUIET = 60.0
"""A held file without changes for so many seconds is let go."""
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

    def reloaded(self, paths: Iterable[str], at: float) -> tuple[str, ...]:
        """The service reloads for these; returns those that are held from now on."""
        return tuple([path for path in paths if self._flaps(path, at)])

    def forget(self) -> None:
        """Somebody changed the rules, or asked for a reload by hand."""
        self._runs.clear()
        self._held.clear()

    def _flaps(self, path: str, at: float) -> bool:
        run = self._runs.pop(path, None)
        pause = at - run.last if run is not None else WITHIN + 1
        if run is None or pause > WITHIN:
            run = _Run(at)
        else:
            run.last = at
            run.pauses = [*run.pauses, pause][-(IN_A_ROW - 1) :]
        if len(run.pauses) >= IN_A_ROW - 1 and max(run.pauses) <= min(run.pauses) * ALIKE + _SLACK:
            self._held[path] = at
            return True
        self._runs[path] = run
        while len(self._runs) > _REMEMBERED:
            del self._runs[next(iter(self._runs))]
        return False
