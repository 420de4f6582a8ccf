"""What detection finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detected:
    """`argv` may hold `$PORT` and `$HOST`, which are put in when an instance starts."""

    argv: tuple[str, ...]
    origin: str  # where it came from, for people
    language: str  # python | node | go | java | static | other
