"""Which runtime a project gets, and why."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.errors import UsageError


@dataclass(frozen=True, slots=True)
class Choice:
    runtime: str
    reason: str


def choose(wanted: str) -> Choice:
    """`wanted` is auto, process or docker. UsageError when it can't be had."""
    match wanted:
        case "process":
            return Choice("process", "it was asked for")
        case "auto":
            return Choice("process", "the only runtime of this version")
    raise UsageError(
        f"this version has no {wanted} runtime yet", place="runtime", hint="use the process runtime: --runtime process"
    )
