"""Lines on a stream, and below them, on a terminal, one that is written over: what happens right now."""

from __future__ import annotations

import shutil
from typing import TextIO

from sandbox.cli.table import display_width

_ERASE = "\r\x1b[2K"


class Lines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._passing = ""
        self.can_pass = stream.isatty()

    def say(self, line: str) -> None:
        """A line that stays."""
        print(f"{self._erased()}{line}", file=self._stream, flush=True)

    def now(self, text: str) -> None:
        """Replace the line that passes; "" takes it away. Nothing happens where there is no terminal."""
        if self.can_pass and text != self._passing:
            print(
                self._erased(),
                _fit(text, shutil.get_terminal_size().columns - 1),
                sep="",
                end="",
                flush=True,
                file=self._stream,
            )
            self._passing = text

    def _erased(self) -> str:
        erase, self._passing = _ERASE if self._passing else "", ""
        return erase


def _fit(text: str, width: int) -> str:
    while display_width(text) > width:
        text = text[:-1]
    return text
