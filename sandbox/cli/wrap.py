"""Sentences on lines no longer than the terminal."""

from __future__ import annotations

import shutil
import textwrap
from typing import TextIO

_NARROWEST = 40


def width_of(stream: TextIO) -> int:
    """0 where nobody looks: a line is then as long as it is, for scripts."""
    return shutil.get_terminal_size().columns if stream.isatty() else 0


def wrapped(text: str, width: int, indent: str) -> list[str]:
    """`indent`: of all lines but the first. `width`: 0 for no limit."""
    if not width:
        return [text]
    return textwrap.wrap(text, max(_NARROWEST, width), subsequent_indent=indent, break_on_hyphens=False) or [""]
