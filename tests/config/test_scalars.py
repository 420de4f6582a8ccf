"""Unquoted values mean what they mean to Compose, not what YAML 1.1 made of them."""

from __future__ import annotations

import pytest

from sandbox.config.scalars import resolve, written


@pytest.mark.parametrize(
    "text", ["no", "on", "y", "n", "yes", "off", "22:22", "1_000", "2001-01-01", "1.2.3", "0o9", "="]
)
def test_stays_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-3", -3), ("0x1F", 31), ("0o17", 15), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("True", True)],
)
def test_is_a_number_or_a_boolean(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(value) in type(resolve(text)).__mro__


@pytest.mark.parametrize("text", ["", "~", "null", "NULL"])
def test_is_nothing(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize("text", ["0755", "1.10", "1e3", "007"])
def test_numbers_remember_how_they_were_written(text: str) -> None:
    value = resolve(text)
    assert isinstance(value, int | float)
    assert written(value) == text


def test_a_number_of_a_thousand_digits_is_text() -> None:
    assert resolve("9" * 5000) == "9" * 5000
