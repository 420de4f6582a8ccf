"""The screens one can go to, and the line that names them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Place(NamedTuple):
    name: str
    key: str
    meaning: str


PLACES = (
    Place("overview", "1", "all services, how they are, and their log"),
    Place("map", "2", "who calls whom, how often, how fast, with how many errors"),
    Place("traffic", "3", "the rules in force, their history, and the way back"),
    Place("traces", "4", "single requests, hop by hop"),
    Place("logs", "5", "what services print"),
    Place("alerts", "6", "what is wrong, and since when"),
    Place("events", "7", "everything that happened"),
    Place("doctor", "8", "this machine, the rules and the causes, examined"),
)


class Tab(NamedTuple):
    place: str
    text: str
    column: int  # where it begins


def tabs(current: str, counts: Mapping[str, int], room: int) -> tuple[Tab, ...]:
    """All places; where room is scarce, the numbers alone stand for those one is not at."""
    for shortest in (99, 6, 4, 0):
        found = _laid(current, counts, shortest)
        if not found or found[-1].column + len(found[-1].text) <= room:
            return found
    return found


def _laid(current: str, counts: Mapping[str, int], longest: int) -> tuple[Tab, ...]:
    column, found = 0, []
    for place in PLACES:
        name = place.name if place.name == current else place.name[:longest]
        count = f":{counts[place.name]}" if counts.get(place.name) else ""
        text = f" {place.key}{' ' if name else ''}{name}{count} "
        found.append(Tab(place.name, text, column))
        column += len(text)
    return tuple(found)
