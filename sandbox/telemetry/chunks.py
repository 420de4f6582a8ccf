"""Sixty steps of one series in a few hundred bytes: columns of whole numbers, packed. Pure.

A column that is not there is zero in every step. What a chunk holds of is the business of whoever keeps it.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    """ValueError when it is damaged."""
    try:
        packed = _unpacker.decode(zlib.decompress(data))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"damaged numbers: {error}") from error
    columns: Columns = {}
    for name, amounts in packed.items():
        if wanted(name[1:]):
            found = array(name[0])
            found.frombytes(amounts)
            columns[name[1:]] = array("Q", found)
    return columns


def rolled(columns: Columns, width: int) -> Iterator[tuple[int, dict[str, int]]]:
    """Sums of `width` steps each: the first of these steps, and the amounts. Without sums of nothing."""
    for first in range(0, STEPS, width):
        amounts = {column: total for column, one in columns.items() if (total := sum(one[first : first + width]))}
        if amounts:
            yield first, amounts


def binned(segments: Iterable[Segment], column: str, start: int, step: int, count: int) -> list[int]:
    """What a column adds up to in each of `count` times of `step` seconds from `start` on."""
    bins = [0] * count
    for segment in segments:
        amounts = segment.columns.get(column)
        if amounts is None:
            continue
        first = max(0, (segment.start - start) // step)
        last = min(count - 1, (segment.start + STEPS * segment.step - 1 - start) // step)
        for index in range(first, last + 1):
            low = -(-(start + index * step - segment.start) // segment.step)
            high = -(-(start + (index + 1) * step - segment.start) // segment.step)
            bins[index] += sum(amounts[max(0, low) : max(0, high)])
    return bins
