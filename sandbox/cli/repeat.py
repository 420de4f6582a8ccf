"""A table that is printed again and again: in place on a terminal, one below the other elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

PERIOD = 2.0
"""Seconds between two."""

_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


async def shown(text: Callable[[], Awaitable[str]], *, again: bool) -> int:
    """Print it, and with `again` every PERIOD seconds until interrupted."""
    terminal = sys.stdout.isatty()
    while True:
        found = await text()
        sys.stdout.write(f"{_HOME_AND_CLEAR if again and terminal else ''}{found}")
        sys.stdout.flush()
        if not again:
            return 0
        await asyncio.sleep(PERIOD)
        if not terminal:
            sys.stdout.write("\n")
