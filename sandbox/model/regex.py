"""Regular expressions as Envoy reads them: RE2, over the whole text.

A module of its own, which `sandbox.model` does not import: loading RE2 costs 50 ms that most commands need not pay.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from sandbox.model.traffic import MAX_REGEX_PROGRAM

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class BadExpression(ValueError):
    """What is wrong with it, in RE2's words."""


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    try:
        found = re2.compile(expression, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else "is not valid"
        raise BadExpression(reason.decode() if isinstance(reason, bytes) else str(reason)) from None
    if found.programsize > MAX_REGEX_PROGRAM:
        raise BadExpression(f"is too large: {found.programsize} steps of RE2, and {MAX_REGEX_PROGRAM} are the limit")
    return found


def check(expression: str) -> None:
    """Raises BadExpression when Envoy would not take it."""
    _compiled(expression)


def matches(expression: str, text: str) -> bool:
    """Whether the expression fits the whole text. Raises BadExpression."""
    return _compiled(expression).fullmatch(text) is not None


def finds(expression: str, text: str) -> bool:
    """Whether the expression fits anything in the text. Raises BadExpression."""
    return _compiled(expression).search(text) is not None


def may_begin_with(expression: str, start: str) -> bool:
    """False when no text that fits begins with the character `start`; True when one does or it is not known."""
    low, high = _range(expression)
    return low < bytes([ord(start) + 1]) and high >= start.encode()


def _range(expression: str) -> tuple[bytes, bytes]:
    """Every text that fits lies between the two."""
    try:
        low, high = re2.compile(f"^(?:{expression})", _OPTIONS).possiblematchrange(8)
    except re2.error:
        return b"", b"\xff"
    return low, high
