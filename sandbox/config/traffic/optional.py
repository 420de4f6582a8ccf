"""What may be absent stays absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def optional(function: Callable[[Given], Made], value: Given | None) -> Made | None:
    """The function's result; None for None."""
    return None if value is None else function(value)
