"""Where everything of the map stands, in characters: columns of nodes, rows of layers, lanes of lines. Pure.

Most of what drawing costs, and the same as long as names and edges are; so the last plans are remembered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from sandbox.graphlayout import Arrangement, Link, Slot
from sandbox.tui.mapmodel import Pair

_GAP = 2
_SWEEPS = 8
_NAMES = (18, 14, 11)
"""Longest names, from the roomiest picture to the closest."""
_REMEMBERED = 8


class Scale(NamedTuple):
    name: int  # longest name
    box: int  # rows of a node
    gutter: int  # rows between layers, at least


SCALES = tuple(Scale(name, box, gutter) for box, gutter in ((3, 3), (3, 2), (1, 3), (1, 2), (1, 1)) for name in _NAMES)
"""From the roomiest to the closest."""


class Sign(NamedTuple):
    """What stands in a node: as much of its name as there is room for, between a sign and a note."""

    before: str
    name: str
    behind: str

    def text(self, longest: int) -> str:
        name = self.name if len(self.name) <= longest else f"{self.name[: longest - 1]}…"
        return f"{self.before}{name}{self.behind}"


class Segment(NamedTuple):
    """Of an edge, through one gutter: from a column at its top to one at its bottom."""

    pair: Pair
    origin: object  # lines of one origin may join
    start: int
    end: int
    arrow: str  # "▼" at the bottom, "▲" at the top, "" where the line goes on


@dataclass(frozen=True, slots=True)
class Gutter:
    """Below a layer: its first row, how many it has, its lines, and the row on which each runs sideways."""

    y: int
    rows: int
    segments: tuple[Segment, ...]
    lanes: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    scale: Scale
    width: int
    height: int
    tops: tuple[int, ...]  # the row of each layer
    middles: Mapping[Slot, int]
    widths: Mapping[Slot, int]
    gutters: tuple[Gutter, ...]


@lru_cache(maxsize=_REMEMBERED)
def plan(arrangement: Arrangement, signs: tuple[Sign, ...], width: int, height: int) -> Plan:
    """The roomiest that fits; else with short names, wider than asked for but as high as there is room."""
    found = tall = None
    for scale in SCALES:
        found = _planned(arrangement, signs, scale, width)
        if found.width <= width and found.height <= height:
            return found
        if scale.name == _NAMES[-1] and scale.box == 1 and found.height <= height and tall is None:
            tall = found
    assert found is not None
    return tall or found


def _planned(arrangement: Arrangement, signs: tuple[Sign, ...], scale: Scale, room: int) -> Plan:
    layers = arrangement.layers
    lengths = {sign.name: len(sign.text(scale.name)) for sign in signs}
    widths = {slot: lengths[slot.node] + 2 if slot.node else 1 for layer in layers for slot in layer}
    places = across(arrangement, widths)
    wide = max((round(places[slot] + widths[slot] / 2) for slot in places), default=0) + 1
    shift = max(0, (room - wide) // 2)
    middles = {slot: shift + int(place + 1e-6) for slot, place in places.items()}
    y, tops, gutters = 0, [], []
    for index in range(len(layers)):
        tops.append(y)
        y += scale.box
        if index < len(layers) - 1:
            segments = _segments(arrangement, index, middles, widths)
            lanes = _lanes(segments)
            gutters.append(Gutter(y, max(scale.gutter, _rows(segments, lanes)), segments, lanes))
            y += gutters[-1].rows
    return Plan(scale, shift + wide, y, tuple(tops), middles, widths, tuple(gutters))


def _segments(
    arrangement: Arrangement, index: int, middles: Mapping[Slot, int], widths: Mapping[Slot, int]
) -> tuple[Segment, ...]:
    """Of the gutter below the layer with this index."""
    above, below = set(arrangement.layers[index]), set(arrangement.layers[index + 1])
    steps: list[tuple[Slot, Slot, Link]] = []
    for link in arrangement.links:
        path = link.path[::-1] if link.backward else link.path
        steps += [(a, b, link) for a, b in pairwise(path) if a in above and b in below]
    arrivals: dict[Slot, list[tuple[int, int]]] = defaultdict(list)
    for number, (start, end, _) in enumerate(steps):
        arrivals[end].append((middles[start], number))
    ports = {number: port for slot, found in arrivals.items() for number, port in _ports(slot, found, middles, widths)}
    return tuple(
        Segment((link.source, link.target), start, middles[start], ports[number], _arrow(link, start, end))
        for number, (start, end, link) in enumerate(steps)
    )


# --- columns ------------------------------------------------------------------------------------------------------


def across(arrangement: Arrangement, widths: Mapping[Slot, int]) -> dict[Slot, float]:
    """The middle of each place, so that neighbours do not touch and edges are as straight as that allows."""
    near: dict[Slot, list[Slot]] = defaultdict(list)
    for link in arrangement.links:
        for here, there in pairwise(link.path):
            near[here].append(there)
            near[there].append(here)
    found: dict[Slot, float] = {}
    for layer in arrangement.layers:
        found |= _apart(layer, dict.fromkeys(layer, 0.0), widths)
    for sweep in range(_SWEEPS):
        for layer in arrangement.layers if sweep % 2 == 0 else arrangement.layers[::-1]:
            wished = {slot: _mean([found[one] for one in near[slot] if one in found], found[slot]) for slot in layer}
            found |= _apart(layer, wished, widths)
    least = min((found[slot] - widths[slot] / 2 for slot in found), default=0.0)
    return {slot: place - least for slot, place in found.items()}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(layer: Sequence[Slot], wished: Mapping[Slot, float], widths: Mapping[Slot, int]) -> dict[Slot, float]:
    """The nearest places to those wished that keep the order: those that would touch are moved together."""
    offset, offsets = 0.0, []
    for before, slot in pairwise((None, *layer)):
        if before is not None and slot is not None:
            offset += (widths[before] + widths[slot]) / 2 + _GAP
        offsets.append(offset)
    groups: list[tuple[float, int]] = []
    for slot, shift in zip(layer, offsets, strict=True):
        total, count = wished[slot] - shift, 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            before_total, members = groups.pop()
            total, count = total + before_total, count + members
        groups.append((total, count))
    starts = [total / count for total, count in groups for _ in range(count)]
    return {slot: start + shift for slot, start, shift in zip(layer, starts, offsets, strict=True)}


# --- lines ------------------------------------------------------------------------------------------------------------


def _arrow(link: Link, start: Slot, end: Slot) -> str:
    if link.backward:
        return "▲" if start.node else ""
    return "▼" if end.node else ""


def _ports(
    slot: Slot, arrivals: Sequence[tuple[int, int]], middles: Mapping[Slot, int], widths: Mapping[Slot, int]
) -> list[tuple[int, int]]:
    """Columns at which lines reach a place, in the order they come from; straight where there is only one."""
    middle, half = middles[slot], (widths[slot] - 1) // 2
    if len(arrivals) == 1:
        start, number = arrivals[0]
        return [(number, start if abs(start - middle) < half and slot.node else middle)]
    spaced = max(1, (widths[slot] - 2) // len(arrivals))
    first = middle - spaced * (len(arrivals) - 1) // 2
    return [(number, first + index * spaced) for index, (_, number) in enumerate(sorted(arrivals))]


def _rows(segments: Sequence[Segment], lanes: Mapping[int, int]) -> int:
    """That the lines of a gutter need at least: one for each lane, and one for the arrows."""
    sideways = [lanes[number] for number, one in enumerate(segments) if one.start != one.end]
    return max(sideways, default=-1) + 2


def _lanes(segments: Sequence[Segment]) -> dict[int, int]:
    """The row on which each line runs sideways: those of one origin share it, others that overlap do not."""
    reach: dict[object, tuple[int, int]] = {}
    for one in segments:
        if one.start != one.end:
            low, high = reach.get(one.origin, (one.start, one.start))
            reach[one.origin] = min(low, one.start, one.end), max(high, one.start, one.end)
    lanes: dict[object, int] = {}
    taken: list[list[tuple[int, int]]] = []
    for origin, (low, high) in sorted(reach.items(), key=lambda item: item[1]):
        lane = next(
            (index for index, spans in enumerate(taken) if all(high < a or b < low for a, b in spans)), len(taken)
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        lanes[origin] = lane
    return {number: lanes.get(one.origin, 0) for number, one in enumerate(segments)}
