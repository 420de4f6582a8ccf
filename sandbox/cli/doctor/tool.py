"""Something sandbox drives: its version, or why it can't be had."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tool:
    """Exactly one of `version` and `problem` is set."""

    version: str = ""
    problem: str = ""
    fix: str = ""  # of the problem, where one is known
    absent: bool = False  # it is not here, and nobody said that it should be
