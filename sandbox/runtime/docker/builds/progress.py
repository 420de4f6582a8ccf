"""What an engine says while it builds and pulls, made readable: lines, and not one for every tick of every layer."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sandbox.runtime.base import Output
from sandbox.runtime.docker.builds.names import LABELS
from sandbox.runtime.logtext import clean

_EVERY = 2.0
"""Seconds between two lines about a pull."""

_LAST = 60
_MEGABYTE = 1_000_000
_NOISE = re.compile(
    r" ---> ((Running in )?[0-9a-f]{12}|Using cache)$|Removing intermediate container |Successfully (built|tagged) "
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
"""The builder paints every piece of standard error red, in the middle of lines too."""

_STEP = re.compile(r"Step \d+/\d+ : ")
_SETTLED = frozenset({"Pull complete", "Already exists", "Download complete", "Verifying Checksum"})


class Pulling:
    """The layers of one image on their way."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._said_at = clock()
        self._layers: dict[str, tuple[int, int]] = {}  # bytes that are here, and bytes in all; 0 while unknown
        self._complete: set[str] = set()

    def hear(self, message: Mapping[str, Any]) -> None:
        status, layer = str(message.get("status", "")), str(message.get("id", ""))
        if status in ("Pulling fs layer", "Waiting", "Extracting", *_SETTLED):
            self._layers.setdefault(layer, (0, 0))
            if status == "Pull complete" or status == "Already exists":
                self._complete.add(layer)
            if status != "Extracting" and status in _SETTLED:
                total = self._layers[layer][1]
                self._layers[layer] = (total, total)
        elif status == "Downloading":
            detail = message.get("progressDetail") or {}
            self._layers[layer] = (int(detail.get("current") or 0), int(detail.get("total") or 0))
        self._say()

    def _say(self) -> None:
        if not self._layers or self._clock() - self._said_at < _EVERY:
            return
        self._said_at = self._clock()
        here, total = (sum(layer[part] for layer in self._layers.values()) / _MEGABYTE for part in (0, 1))
        self._output(
            f"pulling: {len(self._complete)} of {len(self._layers)} layers complete, {here:.0f} of {total:.0f} MB here"
        )


class Building:
    """The output of a build in lines. `hidden` are instructions that are only there for our own sake. `last` are the
    newest lines of the command that runs; `error` is what the engine says it failed of."""

    def __init__(self, output: Output, masked: Callable[[str], str], hidden: Collection[str] = ()) -> None:
        self._output = output
        self._masked = masked
        self._hidden = hidden
        self._pulling = Pulling(output)
        self._rest = ""
        self.last: deque[str] = deque(maxlen=_LAST)
        self.error: str | None = None

    def hear(self, message: Mapping[str, Any]) -> None:
        if "stream" in message:
            *lines, self._rest = (self._rest + str(message["stream"])).split("\n")
            for line in lines:
                self._line(line)
        elif "error" in message:
            self.end()
            detail = message.get("errorDetail")
            said = detail.get("message") if isinstance(detail, Mapping) else None
            self.error = self._masked(str(said or message["error"]))
        elif "status" in message:
            self._pulling.hear(message)

    def end(self) -> None:
        self._line(self._rest)
        self._rest = ""

    def _line(self, text: str) -> None:
        line = _COLOUR.sub("", clean(self._masked(text).encode("utf-8", "replace"))).rstrip()
        if not line or _NOISE.match(line):
            return
        if (step := _STEP.match(line)) is None:
            self.last.append(line)
        else:
            line = line[step.end() :]
            self.last.clear()
            if line in self._hidden or line.startswith(f"LABEL {LABELS}"):
                return
        self._output(line)
