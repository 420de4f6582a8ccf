"""What all screens share."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from sandbox.control import Control
from sandbox.files import write_atomic
from sandbox.tui.orders import Orders
from sandbox.tui.picture import Picture


class Examined(NamedTuple):
    """What a look at the machine found. state: ok | warning | error | skipped."""

    state: str
    what: str
    next_step: str


Examine = Callable[[], Awaitable[Sequence[Examined]]]


@dataclass(slots=True)
class Preferences:
    """What a person chose, remembered for the next time."""

    theme: str = ""
    toured: bool = False  # the tour was seen or skipped


class Remembered:
    """Preferences in a file; without one they last as long as the screen. A file that can't be used is passed over."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.preferences = Preferences()
        if file is not None:
            with suppress(OSError, ValueError, TypeError):
                self.preferences = Preferences(**json.loads(file.read_text()))

    def save(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a choice that can't be kept still holds now
                write_atomic(self._file, json.dumps(asdict(self.preferences)).encode())


class Cockpit:
    """control: the project. picture: what is known of it. hurry: ask for its state now.

    examine: looks at the machine, where whoever opened the screen can do that. looks_only: nothing can be changed.
    """

    def __init__(
        self,
        control: Control,
        hurry: Callable[[], None],
        examine: Examine | None = None,
        now: Callable[[], float] = time.time,
        *,
        looks_only: bool = False,
    ) -> None:
        self.control = control
        self.picture = Picture(looks_only=looks_only)
        self.orders = Orders(control)
        self.hurry = hurry
        self.examine = examine
        self.now = now
