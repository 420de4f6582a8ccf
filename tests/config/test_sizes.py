from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.sizes import LARGEST, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256M", 256 << 20),
        ("1G", 1 << 30),
        ("1.5G", 3 << 29),
        ("64kb", 64 << 10),
        ("7", 7),
        ("7b", 7),
        ("1MiB", 1 << 20),
    ],
)
def test_units_are_binary_as_in_docker(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "1X", "-1M", "1 000", "1e3", "1.5.1G", "9999999T"])
def test_what_it_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|larger"):
        parse_size(text)


@given(st.integers(0, LARGEST))
def test_what_is_written_is_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == size
