"""What a person should know about this project here, said once and kept for `ps`."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.events import Bus, Event, Kind, Severity


class Notices:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.kept: tuple[str, ...] = ()

    def keep(self, moved: Sequence[str], others: Sequence[str]) -> None:
        """Replace what is kept, and publish what is new: addresses that moved, and everything else."""
        notices = (*moved, *others)
        for notice in notices:
            if notice not in self.kept:
                kind = Kind.PORT_MOVED if notice in moved else Kind.NOTICE
                self._bus.publish(Event(kind=kind, severity=Severity.WARNING, message=notice))
        self.kept = notices

    def warn(self, message: str) -> None:
        self._bus.publish(Event(kind=Kind.NOTICE, severity=Severity.WARNING, message=message))

    def engine(self, message: str) -> None:
        self._bus.publish(Event(kind=Kind.ENGINE_TOLD, severity=Severity.WARNING, message=message))

    def failed(self, name: str, error: BaseException) -> None:
        """A background task of ours died."""
        message = f"internal error in '{name}': {error}"
        self._bus.publish(Event(kind=Kind.NOTICE, severity=Severity.ERROR, message=message))
