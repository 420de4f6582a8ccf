from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.telemetry.chunks import STEPS, Bins, Columns, Segment, add, pack, rolled, unpack

AMOUNTS = st.dictionaries(st.sampled_from(["requests", "le.5", "memory"]), st.integers(1, 2**63), max_size=3)
FILLED = st.lists(st.tuples(st.integers(0, STEPS - 1), AMOUNTS), max_size=20)


def columns(*parts: tuple[int, Mapping[str, int]]) -> Columns:
    found: Columns = {}
    for index, amounts in parts:
        add(found, index, {column: min(amount, 2**60) for column, amount in amounts.items()})
    return found


def lists(found: Columns) -> dict[str, list[int]]:
    return {column: list(amounts) for column, amounts in found.items()}


@given(FILLED)
def test_what_is_packed_is_unpacked(parts: list[tuple[int, dict[str, int]]]) -> None:
    found = columns(*parts)

    assert lists(unpack(pack(found))) == lists(found)


def test_only_what_is_wanted_is_unpacked() -> None:
    data = pack(columns((0, {"requests": 1, "le.5": 2})))

    assert list(unpack(data, lambda column: column.startswith("le."))) == ["le.5"]


@pytest.mark.parametrize("data", [b"", b"nonsense", pack({})[:-2]])
def test_what_is_damaged_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged numbers"):
        unpack(data)


def test_quiet_columns_cost_little() -> None:
    steady = columns(*((index, {"requests": 100, "code.200": 100, "le.5": 90, "le.6": 10}) for index in range(STEPS)))

    assert len(pack(steady)) < 150


def test_longer_steps_are_sums() -> None:
    found = columns((0, {"requests": 1}), (9, {"requests": 2}), (10, {"requests": 4}), (59, {"errors": 8}))

    assert list(rolled(found, 10)) == [(0, {"requests": 3}), (10, {"requests": 4}), (50, {"errors": 8})]


@given(
    FILLED,
    st.integers(0, 300),
    st.sampled_from([1, 10]),
    st.integers(0, 900),
    st.integers(1, 90),
    st.integers(1, 40),
)
def test_bins_add_up_each_step_that_begins_in_them(
    parts: list[tuple[int, dict[str, int]]], began: int, length: int, start: int, width: int, count: int
) -> None:
    segment = Segment(began, length, columns(*parts))
    expected = [0] * count
    for index, amount in enumerate(segment.columns.get("requests", ())):
        bin, inside = divmod(began + index * length - start, width)
        if 0 <= bin < count and inside >= 0:
            expected[bin] += amount

    assert Bins(start, width, count).of([segment], "requests") == expected
