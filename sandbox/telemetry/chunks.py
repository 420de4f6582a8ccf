"""Sixty steps of one series in a few hundred bytes: columns of whole numbers, packed. Pure.

A column that is not there is zero in every step. What a chunk holds of is the business of whoever keeps it.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import msgspec

from sandbox.telemetry.columns import Amounts

STEPS = 60

_WIDTHS = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32), ("Q", 1 << 64))
_FAST = 1  # zlib's level: columns repeat themselves so much that more work gains little
_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(dict[str, bytes])

Columns = dict[str, "array[int]"]
Wanted = Callable[[str], bool]


class Segment(NamedTuple):
    """A part of a series: each column has an amount for each of STEPS steps of `step` seconds from `start` on."""

    start: int
    step: int
    columns: Mapping[str, array[int]]


def add(columns: Columns, index: int, amounts: Amounts) -> None:
    for column, amount in amounts.items():
        found = columns.get(column)
        if found is None:
            found = columns[column] = array("Q", bytes(8 * STEPS))
        found[index] += amount


def pack(columns: Columns) -> bytes:
    """Names begin with the width of the numbers."""
    packed = {}
    for column, amounts in columns.items():
        most = max(amounts)
        width = next(code for code, limit in _WIDTHS if most < limit)
        packed[width + column] = array(width, amounts).tobytes()
    return zlib.compress(_packer.encode(packed), _FAST)


def unpack(data: bytes, wanted: Wanted = lambda column: True) -> Columns:
    """To be read; `widened` can be added to. ValueError when it is damaged."""
    try:
        packed = _unpacker.decode(zlib.decompress(data))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"damaged numbers: {error}") from error
    columns: Columns = {}
    for name, amounts in packed.items():
        if wanted(name[1:]):
            found = columns[name[1:]] = array(name[0])
            found.frombytes(amounts)
    return columns


def widened(columns: Columns) -> Columns:
    return {column: array("Q", amounts) for column, amounts in columns.items()}


def rolled(columns: Columns, width: int) -> Iterator[tuple[int, dict[str, int]]]:
    """Sums of `width` steps each: the first of these steps, and the amounts. Without sums of nothing."""
    for first in range(0, STEPS, width):
        amounts = {column: total for column, one in columns.items() if (total := sum(one[first : first + width]))}
        if amounts:
            yield first, amounts


class Bins:
    """`count` times of `step` seconds from `start` on, and what columns add up to in each."""

    def __init__(self, start: int, step: int, count: int) -> None:
        self._start = start
        self._step = step
        self._count = count
        self._slices: dict[tuple[int, int], list[tuple[int, int, int]]] = {}

    def __len__(self) -> int:
        return self._count

    def of(self, segments: Iterable[Segment], column: str) -> list[int]:
        bins = [0] * self._count
        for segment in segments:
            amounts = segment.columns.get(column)
            if amounts is not None:
                for index, low, high in self._within(segment.start, segment.step):
                    bins[index] += sum(amounts[low:high])
        return bins

    def _within(self, start: int, step: int) -> list[tuple[int, int, int]]:
        """Of a segment: which of its steps are in which bin."""
        found = self._slices.get((start, step))
        if found is None:
            first = max(0, (start - self._start) // self._step)
            last = min(self._count - 1, (start + STEPS * step - 1 - self._start) // self._step)
            bounds = [-(-(self._start + index * self._step - start) // step) for index in range(first, last + 2)]
            found = [
                (index, max(0, low), max(0, high)) for index, (low, high) in enumerate(pairwise(bounds), start=first)
            ]
            self._slices[(start, step)] = found
        return found
