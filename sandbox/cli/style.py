"""Colour where a person reads, plain text everywhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple, TextIO

_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "grey": 90}
_ESCAPE = re.compile(r"\x1b\[[0-9;:]*m")


class Style(NamedTuple):
    enabled: bool

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> Style:
        """Colours on a terminal, unless NO_COLOR (no-color.org: set and not empty) or TERM=dumb ask for none."""
        plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
        return cls(stream.isatty() and not plain)

    def paint(self, text: str, colour: str, *, bold: bool = False) -> str:
        if not self.enabled or not text:
            return text
        return f"\x1b[{'1;' if bold else ''}{_CODES[colour]}m{text}\x1b[0m"


def strip_colours(text: str) -> str:
    return _ESCAPE.sub("", text)
