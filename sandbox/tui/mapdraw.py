"""The graph drawn with characters, from the gateway downwards. Pure.

Layers are rows. Between two of them is a gutter: lines leave a node in its middle, run sideways on a row of their own
where they would cross others, and arrive with an arrow that their numbers stand beside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from sandbox.graphlayout import Arrangement, Link, Slot
from sandbox.tui.mapmodel import Focus, Kind, Model, Node, Pair, kind, labels, tone
from sandbox.tui.words import Tone

_GAP = 2
_SWEEPS = 8
_NAMES = (18, 14, 11)
"""Longest names, from the roomiest picture to the closest."""

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_SHAPES = {
    UP | DOWN: "│",
    UP: "│",
    DOWN: "│",
    LEFT | RIGHT: "─",
    LEFT: "─",
    RIGHT: "─",
    DOWN | RIGHT: "╭",
    DOWN | LEFT: "╮",
    UP | RIGHT: "╰",
    UP | LEFT: "╯",
    UP | DOWN | RIGHT: "├",
    UP | DOWN | LEFT: "┤",
    DOWN | LEFT | RIGHT: "┬",
    UP | LEFT | RIGHT: "┴",
    UP | DOWN | LEFT | RIGHT: "┼",
}
_STYLES = {
    Kind.UNUSED: {"│": "┊", "─": "┄"},
    Kind.USED: {},
    Kind.UNDECLARED: {"│": "║", "─": "═"},
    Kind.FAILING: {"│": "┃", "─": "━"},
}


class Glyph(NamedTuple):
    """owner: what it is a part of; None for nothing."""

    text: str
    tone: Tone
    owner: Focus | None


BLANK = Glyph(" ", Tone.PLAIN, None)


class Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    rows: tuple[tuple[Glyph, ...], ...]
    boxes: Mapping[Focus, Box]  # where each node is, and the label of each edge

    def at(self, x: int, y: int) -> Focus | None:
        return self.rows[y][x].owner if 0 <= y < self.height and 0 <= x < len(self.rows[y]) else None


class _Scale(NamedTuple):
    name: int  # longest name
    box: int  # rows of a node
    gutter: int  # rows between layers, at least


def drawing(shown: Model, width: int, height: int) -> Drawing:
    """In the roomiest way that fits; else with short names, larger than asked for but as high as there is room."""
    tries = [_Scale(name, box, gutter) for box, gutter in ((3, 3), (3, 2), (1, 3), (1, 2), (1, 1)) for name in _NAMES]
    found = tall = None
    for scale in sorted(tries, key=lambda one: (-one.box, -one.gutter, -one.name)):
        found = _Sheet(shown, scale, width).draw()
        if found.width <= width and found.height <= height:
            return found
        if scale.name == _NAMES[-1] and scale.box == 1 and found.height <= height and tall is None:
            tall = found
    return tall or found or Drawing(0, 0, (), {})


# --- places -------------------------------------------------------------------------------------------------------


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


# --- the sheet ----------------------------------------------------------------------------------------------------


class _Segment(NamedTuple):
    """Of an edge, through one gutter: from a column at its top to one at its bottom."""

    pair: Pair
    origin: object  # lines of one origin may join
    start: int
    end: int
    arrow: str  # "▼" at the bottom, "▲" at the top, "" where the line goes on


@dataclass(slots=True)
class _Ink:
    mask: int = 0
    kind: Kind = Kind.UNUSED
    tone: Tone = Tone.OFF
    pair: Pair | None = None
    origin: object = None


@dataclass(slots=True)
class _Sheet:
    model: Model
    scale: _Scale
    room: int
    ink: dict[tuple[int, int], _Ink] = field(default_factory=dict)
    glyphs: dict[tuple[int, int], Glyph] = field(default_factory=dict)
    boxes: dict[Focus, Box] = field(default_factory=dict)

    def draw(self) -> Drawing:
        layers = self.model.arrangement.layers
        texts = {name: self._text(node) for name, node in self.model.nodes.items()}
        widths = {slot: len(texts[slot.node]) + 2 if slot.node else 1 for layer in layers for slot in layer}
        places = across(self.model.arrangement, widths)
        wide = max((round(places[slot] + widths[slot] / 2) for slot in places), default=0) + 1
        shift = max(0, (self.room - wide) // 2)
        middles = {slot: shift + int(place + 1e-6) for slot, place in places.items()}
        y, arrows = 0, []
        for index, layer in enumerate(layers):
            self._layer(layer, y, middles, widths, texts)
            y += self.scale.box
            if index < len(layers) - 1:
                segments = self._segments(index, middles, widths)
                lanes = _lanes(segments)
                rows = max(self.scale.gutter, _rows(segments, lanes))
                arrows += self._gutter(segments, lanes, y, rows)
                y += rows
        self._write_lines()
        self._write_labels(arrows)
        return self._finished(shift + wide, y)

    def _text(self, node: Node) -> str:
        name = node.name if len(node.name) <= self.scale.name else f"{node.name[: self.scale.name - 1]}…"
        loop = " ↺" if (node.name, node.name) in self.model.edges else ""
        return f"{node.symbol} {name}{f' {node.note}' if node.note else ''}{loop}"

    # --- nodes --------------------------------------------------------------------------------------------------

    def _layer(
        self,
        layer: Iterable[Slot],
        y: int,
        middles: Mapping[Slot, int],
        widths: Mapping[Slot, int],
        texts: Mapping[str, str],
    ) -> None:
        for slot in layer:
            if slot.node:
                left = middles[slot] - widths[slot] // 2
                self._node(slot.node, texts[slot.node], Box(left, y, widths[slot], self.scale.box))
            elif slot.edge:
                pair = slot.edge if slot.edge in self.model.edges else slot.edge[::-1]  # it may lead backward
                for row in range(self.scale.box):
                    self._mark(middles[slot], y + row, UP | DOWN, pair, slot)

    def _node(self, name: str, text: str, box: Box) -> None:
        self.boxes[name] = box
        inner = box.width - 2
        lines = [f"[{text}]"]
        if box.height == 3:
            lines = [f"╭{'─' * inner}╮", f"│{text}│", f"╰{'─' * inner}╯"]
        for row, line in enumerate(lines):
            for column, character in enumerate(line):
                inside = character not in "╭╮╰╯─│[]"
                node_tone = self.model.nodes[name].tone if inside else Tone.PLAIN
                self.glyphs[box.x + column, box.y + row] = Glyph(character, node_tone, name)

    # --- edges --------------------------------------------------------------------------------------------------

    def _segments(self, index: int, middles: Mapping[Slot, int], widths: Mapping[Slot, int]) -> list[_Segment]:
        """Of the gutter below the layer with this index."""
        above = set(self.model.arrangement.layers[index])
        below = set(self.model.arrangement.layers[index + 1])
        steps: list[tuple[Slot, Slot, Link]] = []
        for link in self.model.arrangement.links:
            path = link.path[::-1] if link.backward else link.path
            steps += [(a, b, link) for a, b in pairwise(path) if a in above and b in below]
        arrivals: dict[Slot, list[tuple[int, int]]] = defaultdict(list)
        for number, (start, end, _) in enumerate(steps):
            arrivals[end].append((middles[start], number))
        ports = {
            number: port for slot, found in arrivals.items() for number, port in _ports(slot, found, middles, widths)
        }
        return [
            _Segment((link.source, link.target), start, middles[start], ports[number], _arrow(link, start, end))
            for number, (start, end, link) in enumerate(steps)
        ]

    def _gutter(
        self, segments: Sequence[_Segment], lanes: Mapping[int, int], y: int, rows: int
    ) -> list[tuple[int, int, _Segment]]:
        """Draws the lines; returns where the arrows are."""
        found = []
        for number, segment in enumerate(segments):
            lane = y + lanes[number] if segment.start != segment.end else y
            self._line(segment, lane, y, rows)
            if segment.arrow:
                row = y + rows - 1 if segment.arrow == "▼" else y
                column = segment.end if segment.arrow == "▼" else segment.start
                found.append((column, row, segment))
        return found

    def _line(self, segment: _Segment, lane: int, y: int, rows: int) -> None:
        start, end, pair, origin = segment.start, segment.end, segment.pair, segment.origin
        for row in range(y, lane):
            self._mark(start, row, UP | DOWN, pair, origin)
        if start == end:
            self._mark(start, lane, UP | DOWN, pair, origin)
        else:
            toward, back = (RIGHT, LEFT) if end > start else (LEFT, RIGHT)
            self._mark(start, lane, UP | toward, pair, origin)
            for column in range(min(start, end) + 1, max(start, end)):
                self._mark(column, lane, LEFT | RIGHT, pair, origin)
            self._mark(end, lane, DOWN | back, pair, origin)
        for row in range(lane + 1, y + rows):
            self._mark(end, row, UP | DOWN, pair, origin)

    def _mark(self, x: int, y: int, mask: int, pair: Pair, origin: object) -> None:
        """Lines of one origin join; others pass over each other, the upright one in front."""
        edge = self.model.edges[pair]
        here = self.ink.setdefault((x, y), _Ink())
        if here.mask and here.origin != origin:
            if mask & (UP | DOWN) != UP | DOWN:
                return
            here.mask = 0
        wins = not here.mask or kind(edge) >= here.kind
        here.mask |= mask
        here.origin = origin
        if wins:
            here.kind, here.tone, here.pair = kind(edge), tone(edge), pair

    def _write_lines(self) -> None:
        for place, ink in self.ink.items():
            shape = _SHAPES[ink.mask]
            self.glyphs[place] = Glyph(_STYLES[ink.kind].get(shape, shape), ink.tone, ink.pair)

    def _write_labels(self, arrows: Sequence[tuple[int, int, _Segment]]) -> None:
        for x, y, segment in arrows:
            self.glyphs[x, y] = Glyph(segment.arrow, tone(self.model.edges[segment.pair]), segment.pair)
        urgent = sorted(arrows, key=lambda arrow: -kind(self.model.edges[arrow[2].pair]))  # before the room is gone
        for x, y, segment in urgent:
            self.boxes.setdefault(segment.pair, self._label(x, y, segment.pair))

    def _label(self, x: int, y: int, pair: Pair) -> Box:
        edge = self.model.edges[pair]
        for text in labels(edge):
            for row in (y, y - 1):
                for left in (x + 2, x - 1 - len(text)):
                    if left >= 0 and (not text or self._is_free(left - 1, row, len(text) + 2)):
                        for column, character in enumerate(text):
                            self.glyphs[left + column, row] = Glyph(character, tone(edge), pair)
                        return Box(min(x, left), row, len(text) + 2, 1)
        return Box(x, y, 1, 1)

    def _is_free(self, x: int, y: int, width: int) -> bool:
        return all((column, y) not in self.glyphs for column in range(x, x + width) if column >= 0)

    def _finished(self, width: int, height: int) -> Drawing:
        width = max([width, *(x + 1 for x, _ in self.glyphs)])
        rows = tuple(tuple(self.glyphs.get((x, y), BLANK) for x in range(width)) for y in range(height))
        return Drawing(width, height, rows, self.boxes)


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


def _rows(segments: Sequence[_Segment], lanes: Mapping[int, int]) -> int:
    """That the lines of a gutter need at least: one for each lane, and one for the arrows."""
    sideways = [lanes[number] for number, one in enumerate(segments) if one.start != one.end]
    return max(sideways, default=-1) + 2


def _lanes(segments: Sequence[_Segment]) -> dict[int, int]:
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
