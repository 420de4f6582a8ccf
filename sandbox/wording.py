"""How sentences for people are put, whoever says them."""

from __future__ import annotations


def counted(count: float, one: str, more: str = "") -> str:
    """With the thing's name: "1 hop", "2 hops". more: of several, where it is not `one` and an s."""
    return f"{count:,g} {one if count == 1 else more or f'{one}s'}"
