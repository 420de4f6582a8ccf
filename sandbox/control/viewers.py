"""How a terminal UI is started for somebody else's screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

ViewerCommand = Callable[[bool], Sequence[str]]
"""Whether it is for looking only → the command line."""
