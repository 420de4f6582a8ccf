"""What of an environment may be shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.tui.grid import Cell, Column, Row
from sandbox.tui.words import Tone

COLUMNS = (
    Column("name", "NAME", "NAME", False, 9, 12),
    Column("value", "VALUE", "VALUE", False, 10, 20, fills=True),
)
_LISTENS = ("PORT", "HOST")
_REACHED = ("URL", "HOST", "PORT")
"""What is told of each service that one may call, behind its name."""
MASK = "••••••"

_SECRET = re.compile(
    r"(?:^|[_-])(?:PASS(?:WORD|WD|PHRASE)?|PWD|SECRETS?|TOKENS?|KEYS?|APIKEY|CREDENTIALS?|AUTH|HEADERS|COOKIE|DSN|PRIVATE|SALT)"
    r"(?:$|[_-])",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*(?=@)")
_KNOWN_SHAPES = re.compile(
    r"\b(?:eyJ[\w-]{10,}\.[\w-]+\.[\w-]*|gh[pousr]_\w{20,}|sk-[\w-]{16,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,})"
)


def shown(name: str, value: str) -> str:
    """The value, without what looks like a secret: by its name, in a URL, or by the shape of well-known tokens."""
    if value and name not in ("PWD", "OLDPWD") and _SECRET.search(name):
        return MASK
    return _KNOWN_SHAPES.sub(MASK, _USER_INFO.sub(MASK, value))


def rows(environment: Mapping[str, str]) -> tuple[Row, ...]:
    """What it listens on, where the others are, what else is ours, then the rest by name."""
    ordered = sorted(environment, key=lambda name: (_place(name, environment), name))
    return tuple(_row(name, shown(name, environment[name])) for name in ordered)


def _place(name: str, environment: Mapping[str, str]) -> int:
    if name in _LISTENS:
        return _LISTENS.index(name)
    callee, _, what = name.rpartition("_")
    if what in _REACHED and all(f"{callee}_{other}" in environment for other in _REACHED):
        return 2 if what == "URL" else 4
    return 3 if name.startswith("SANDBOX_") else 5


def _row(name: str, value: str) -> Row:
    return Row(name, {"name": Cell(name), "value": Cell(value, Tone.OFF if value == MASK else Tone.PLAIN)})
