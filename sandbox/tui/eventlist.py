"""Everything that happened, as lines of a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.events import Event, Severity
from sandbox.tui.grid import Cell, Column, Row
from sandbox.tui.words import NONE, Tone, clock

COLUMNS = (
    Column("time", "TIME", "TIME", False, 9, 8),
    Column("service", "SERVICE", "SERVICE", False, 3, 8),
    Column("message", "WHAT HAPPENED", "WHAT HAPPENED", False, 10, 20, fills=True),
)

MARKERS = {Severity.INFO: "·", Severity.WARNING: "▲", Severity.ERROR: "✗"}
TONES = {Severity.INFO: Tone.PLAIN, Severity.WARNING: Tone.BUSY, Severity.ERROR: Tone.BAD}


def rows(events: Iterable[Event], wanted: str = "", service: str | None = None) -> tuple[Row, ...]:
    """The newest first; given oldest first. `wanted` is a part of the message, the kind or the service."""
    found = [
        event
        for event in events
        if (service is None or event.service == service)
        and (not wanted or wanted in f"{event.service} {event.kind} {event.message}".lower())
    ]
    return tuple(_row(event) for event in reversed(found))


def key(event: Event) -> str:
    """A new supervisor counts anew."""
    return f"{event.sequence}@{event.at}"


def _row(event: Event) -> Row:
    tone = TONES[event.severity]
    return Row(
        key(event),
        {
            "time": Cell(clock(event.at), Tone.OFF),
            "service": Cell(event.service or NONE),
            "message": Cell(f"{MARKERS[event.severity]} {event.message}", tone),
        },
    )
