"""Questions about paths of this machine."""

from __future__ import annotations

from collections.abc import Callable


def holds(question: Callable[[], bool]) -> bool:
    """The answer; no when the path is too long or may not be looked at."""
    try:
        return question()
    except (OSError, ValueError):
        return False
