"""The graph drawn with characters, from the gateway downwards. Pure.

Layers are rows. Between two of them is a gutter: lines leave a node in its middle, run sideways on a row of their own
where they would cross others, and arrive with an arrow that their numbers stand beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.graphlayout import Slot
from sandbox.tui.mapmodel import Focus, Kind, Model, Node, Pair, kind, labels, tone
from sandbox.tui.mapplan import Gutter, Plan, Segment, Sign, plan
from sandbox.tui.words import Tone

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
_LINES = {kind: {mask: style.get(shape, shape) for mask, shape in _SHAPES.items()} for kind, style in _STYLES.items()}


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


def drawing(shown: Model, width: int, height: int) -> Drawing:
    """In the roomiest way that fits; else with short names, larger than asked for but as high as there is room."""
    if not shown.nodes:
        return Drawing(0, 0, (), {})
    signs = tuple(_sign(node, shown) for node in shown.nodes.values())
    return _Sheet(shown, plan(shown.arrangement, signs, width, height)).draw()


def _sign(node: Node, shown: Model) -> Sign:
    note, loop = f" {node.note}" if node.note else "", " ↺" if (node.name, node.name) in shown.edges else ""
    return Sign(f"{node.symbol} ", node.name, f"{note}{loop}")


# --- the sheet ----------------------------------------------------------------------------------------------------


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
    plan: Plan
    ink: dict[tuple[int, int], _Ink] = field(default_factory=dict)
    glyphs: dict[tuple[int, int], Glyph] = field(default_factory=dict)
    boxes: dict[Focus, Box] = field(default_factory=dict)
    looks: dict[Pair, tuple[Kind, Tone]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.looks = {pair: (kind(edge), tone(edge)) for pair, edge in self.model.edges.items()}

    def draw(self) -> Drawing:
        for layer, y in zip(self.model.arrangement.layers, self.plan.tops, strict=True):
            self._layer(layer, y)
        arrows = [arrow for gutter in self.plan.gutters for arrow in self._gutter(gutter)]
        self._write_lines()
        self._write_labels(arrows)
        return self._finished()

    # --- nodes --------------------------------------------------------------------------------------------------

    def _layer(self, layer: Iterable[Slot], y: int) -> None:
        middles, widths, height = self.plan.middles, self.plan.widths, self.plan.scale.box
        for slot in layer:
            if slot.node:
                left = middles[slot] - widths[slot] // 2
                text = _sign(self.model.nodes[slot.node], self.model).text(self.plan.scale.name)
                self._node(slot.node, text, Box(left, y, widths[slot], height))
            elif slot.edge:
                pair = slot.edge if slot.edge in self.model.edges else slot.edge[::-1]  # it may lead backward
                for row in range(height):
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

    def _gutter(self, gutter: Gutter) -> Iterator[tuple[int, int, Segment]]:
        """Draws the lines; tells where the arrows are."""
        y, rows = gutter.y, gutter.rows
        for number, segment in enumerate(gutter.segments):
            lane = y + gutter.lanes[number] if segment.start != segment.end else y
            self._line(segment, lane, y, rows)
            if segment.arrow:
                down = segment.arrow == "▼"
                yield segment.end if down else segment.start, y + rows - 1 if down else y, segment

    def _line(self, segment: Segment, lane: int, y: int, rows: int) -> None:
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
        edge_kind, edge_tone = self.looks[pair]
        here = self.ink.get((x, y))
        if here is None:
            here = self.ink[x, y] = _Ink()
        if here.mask and here.origin != origin:
            if mask & (UP | DOWN) != UP | DOWN:
                return
            here.mask = 0
        wins = not here.mask or edge_kind >= here.kind
        here.mask |= mask
        here.origin = origin
        if wins:
            here.kind, here.tone, here.pair = edge_kind, edge_tone, pair

    def _write_lines(self) -> None:
        for place, ink in self.ink.items():
            self.glyphs[place] = Glyph(_LINES[ink.kind][ink.mask], ink.tone, ink.pair)

    def _write_labels(self, arrows: Sequence[tuple[int, int, Segment]]) -> None:
        for x, y, segment in arrows:
            self.glyphs[x, y] = Glyph(segment.arrow, self.looks[segment.pair][1], segment.pair)
        urgent = sorted(arrows, key=lambda arrow: -self.looks[arrow[2].pair][0])  # before the room is gone
        for x, y, segment in urgent:
            self.boxes.setdefault(segment.pair, self._label(x, y, segment.pair))

    def _label(self, x: int, y: int, pair: Pair) -> Box:
        for text in labels(self.model.edges[pair]):
            for row in (y, y - 1):
                for left in (x + 2, x - 1 - len(text)):
                    if left >= 0 and (not text or self._is_free(left - 1, row, len(text) + 2)):
                        for column, character in enumerate(text):
                            self.glyphs[left + column, row] = Glyph(character, self.looks[pair][1], pair)
                        return Box(min(x, left), row, len(text) + 2, 1)
        return Box(x, y, 1, 1)

    def _is_free(self, x: int, y: int, width: int) -> bool:
        return all((column, y) not in self.glyphs for column in range(x, x + width) if column >= 0)

    def _finished(self) -> Drawing:
        width = max([self.plan.width, *(x + 1 for x, _ in self.glyphs)])
        found = [[BLANK] * width for _ in range(self.plan.height)]
        for (x, y), glyph in self.glyphs.items():
            if x >= 0 and y < self.plan.height:
                found[y][x] = glyph
        return Drawing(width, self.plan.height, tuple(map(tuple, found)), self.boxes)
