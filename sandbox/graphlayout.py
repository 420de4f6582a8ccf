"""Directed graph -> layers in which edges lead forward, with few crossings, for every picture of who calls whom. Pure.

Sugiyama's method: cycles are broken, a node goes one layer behind the last of those that lead to it, an edge that
spans several layers bends in each of them, and each layer is sorted by where its neighbours are. What is drawn (SVG,
characters) is the caller's matter: `arrange` says which layer and which place in it, `spread` where that is across.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[str, str]

_SWEEPS = 12


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A place in a layer: a node's, or where an edge passes through on its way to a later layer."""

    node: str = ""
    edge: Pair | None = None
    layer: int = 0  # of a passing edge


@dataclass(frozen=True, slots=True)
class Link:
    """path: places from `source` to `target`, one in each layer between them. backward: it closes a cycle, so its
    path runs from a later layer to an earlier one (or stays where it is, when a node leads to itself)."""

    source: str
    target: str
    path: tuple[Slot, ...]
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Arrangement:
    layers: tuple[tuple[Slot, ...], ...]  # from the roots on; in each the places from first to last across
    links: tuple[Link, ...]  # in the order of the edges that were given

    def nodes(self) -> tuple[tuple[str, ...], ...]:
        """The names alone, layer by layer."""
        return tuple(tuple(slot.node for slot in layer if slot.node) for layer in self.layers)


def arrange(nodes: Sequence[str], edges: Iterable[Pair], roots: Sequence[str] = ()) -> Arrangement:
    """`roots` are in the first layer, such as the gateway, as long as nothing leads to them. Nodes without any edge
    stand in the second (without roots: in the first). Edges of unknown nodes are left out. The same input gives the
    same arrangement.
    """
    names = list(dict.fromkeys(nodes))
    known = set(names)
    wanted = [pair for pair in dict.fromkeys(edges) if pair[0] in known and pair[1] in known]
    first = [name for name in roots if name in known]
    backward = _closing(names, wanted, first)
    forward = [(b, a) if (a, b) in backward else (a, b) for a, b in wanted if a != b]
    layer_of = _layers(names, forward, first)
    paths = {pair: _path(pair, layer_of) for pair in dict.fromkeys(forward)}
    layers = _ordered(_initial(names, layer_of, paths), paths)
    return Arrangement(tuple(map(tuple, layers)), tuple(_link(pair, backward, paths) for pair in wanted))


def spread(arrangement: Arrangement, gap: float = 1.0) -> Mapping[Slot, float]:
    """Where each place is across, from 0 up: neighbours in a layer are at least `gap` apart, and edges as straight as
    that allows."""
    across = {slot: index * gap for layer in arrangement.layers for index, slot in enumerate(layer)}
    up, down = _neighbours(link.path for link in arrangement.links)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        towards = up if forth else down
        for layer in arrangement.layers if forth else arrangement.layers[::-1]:
            wished = [_mean([across[one] for one in towards.get(slot, ())], across[slot]) for slot in layer]
            across.update(zip(layer, _apart(wished, gap), strict=True))
    least = min(across.values(), default=0.0)
    return {slot: place - least for slot, place in across.items()}


# --- cycles and layers ----------------------------------------------------------------------------------------------


def _closing(names: Sequence[str], edges: Sequence[Pair], roots: Sequence[str]) -> set[Pair]:
    """Edges that lead back to a node on the way to them, each a cycle's last; loops of one node among them."""
    following: dict[str, list[str]] = {}
    for source, target in edges:
        following.setdefault(source, []).append(target)
    called = {target for source, target in edges if source != target}
    starts = [*roots, *(name for name in names if name not in called), *names]
    done: set[str] = set()
    found: set[Pair] = set()
    for start in starts:
        way: dict[str, list[str]] = {}
        if start not in done:
            way[start] = list(following.get(start, ()))
        while way:
            here, left = next(reversed(way.items()))
            if not left:
                done.add(here)
                del way[here]
                continue
            there = left.pop(0)
            if there in way:
                found.add((here, there))
            elif there not in done:
                way[there] = list(following.get(there, ()))
    return found


def _layers(names: Sequence[str], edges: Sequence[Pair], roots: Sequence[str]) -> dict[str, int]:
    leading, following = _of_nodes(edges)
    layer: dict[str, int] = {}
    for name in _sorted(names, leading, following):
        layer[name] = max((layer[one] + 1 for one in leading.get(name, ())), default=0)
    for name in names:
        if name in roots or leading.get(name):
            continue
        if name in following:  # called by nobody: right before the first that it calls
            layer[name] = max(0, min(layer[one] for one in following[name]) - 1)
        elif roots:
            layer[name] = 1
    return layer


def _sorted(names: Sequence[str], leading: Mapping[str, list[str]], following: Mapping[str, list[str]]) -> list[str]:
    """Topologically; the edges have no cycles."""
    missing = {name: len(leading.get(name, ())) for name in names}
    ready = [name for name in names if not missing[name]]
    for name in ready:
        for one in following.get(name, ()):
            missing[one] -= 1
            if not missing[one]:
                ready.append(one)
    return ready


def _of_nodes(edges: Iterable[Pair]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    leading: dict[str, list[str]] = {}
    following: dict[str, list[str]] = {}
    for source, target in dict.fromkeys(edges):
        leading.setdefault(target, []).append(source)
        following.setdefault(source, []).append(target)
    return leading, following


def _path(pair: Pair, layer_of: Mapping[str, int]) -> tuple[Slot, ...]:
    source, target = pair
    between = range(layer_of[source] + 1, layer_of[target])
    return Slot(source), *(Slot(edge=pair, layer=layer) for layer in between), Slot(target)


def _link(pair: Pair, backward: set[Pair], paths: Mapping[Pair, tuple[Slot, ...]]) -> Link:
    source, target = pair
    if source == target:
        return Link(source, target, (Slot(source), Slot(source)), True)
    if pair in backward:
        return Link(source, target, paths[(target, source)][::-1], True)
    return Link(source, target, paths[pair])


# --- the order in each layer ----------------------------------------------------------------------------------------


def _initial(
    names: Sequence[str], layer_of: Mapping[str, int], paths: Mapping[Pair, tuple[Slot, ...]]
) -> list[list[Slot]]:
    layers: list[list[Slot]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for name in names:
        layers[layer_of[name]].append(Slot(name))
    for (source, _), path in paths.items():
        for index, slot in enumerate(path[1:-1], start=1):
            layers[layer_of[source] + index].append(slot)
    return [layer for layer in layers if layer]


def _ordered(layers: list[list[Slot]], paths: Mapping[Pair, tuple[Slot, ...]]) -> list[list[Slot]]:
    """The best of some sweeps to and fro, each of which sorts layers by the mean place of their neighbours."""
    up, down = _neighbours(paths.values())
    best, fewest = layers, _crossings(layers, down)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        layers = _swept(layers, up) if sweep % 2 == 0 else _swept(layers[::-1], down)[::-1]
        if (crossings := _crossings(layers, down)) < fewest:
            best, fewest = layers, crossings
    return best


def _swept(layers: list[list[Slot]], towards: Mapping[Slot, list[Slot]]) -> list[list[Slot]]:
    swept: list[list[Slot]] = []
    place: dict[Slot, int] = {}
    for layer in layers:
        mean = {
            slot: _mean([place[one] for one in towards.get(slot, ()) if one in place], index)
            for index, slot in enumerate(layer)
        }
        swept.append(sorted(layer, key=mean.__getitem__))
        place = {slot: index for index, slot in enumerate(swept[-1])}
    return swept


def _neighbours(paths: Iterable[Sequence[Slot]]) -> tuple[dict[Slot, list[Slot]], dict[Slot, list[Slot]]]:
    steps = dict.fromkeys(step for path in paths for step in pairwise(path) if step[0] != step[1])
    up: dict[Slot, list[Slot]] = {}
    down: dict[Slot, list[Slot]] = {}
    for here, there in steps:
        up.setdefault(there, []).append(here)
        down.setdefault(here, []).append(there)
    return up, down


def _crossings(layers: Sequence[Sequence[Slot]], down: Mapping[Slot, list[Slot]]) -> int:
    crossings = 0
    for here, there in pairwise(layers):
        place = {slot: index for index, slot in enumerate(there)}
        seen: list[int] = []
        for slot in here:
            ends = sorted(place[one] for one in down.get(slot, ()) if one in place)
            crossings += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return crossings


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(wished: Sequence[float], gap: float) -> list[float]:
    """The nearest places (least squares) to those wished that keep the order and the gap: pooled where they collide."""
    groups: list[tuple[float, int]] = []  # sum of what its members wish for the first of them, members
    for index, wish in enumerate(wished):
        total, count = wish - index * gap, 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            before, members = groups.pop()
            total, count = total + before, count + members
        groups.append((total, count))
    starts = [total / count for total, count in groups for _ in range(count)]
    return [start + index * gap for index, start in enumerate(starts)]
