"""What an unquoted YAML scalar means: the core schema of YAML 1.2.2 (§10.3.2), as Compose reads it.

YAML 1.1, which PyYAML follows by default, turns `no` and `on` into booleans and `22:22` into 1342.
"""

from __future__ import annotations

import re

from sandbox.config.tree import Value, WrittenFloat, WrittenInt

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# Longer numbers are text: nothing here counts that far, and Python refuses to convert thousands of digits.
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,4})?", re.ASCII)


def resolve(text: str) -> Value:
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    return _float(text) if _FLOAT.fullmatch(text) else text


def _integer(text: str) -> WrittenInt:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = WrittenInt(text, base)
    number.written = text
    return number


def _float(text: str) -> WrittenFloat:
    number = WrittenFloat(text)
    number.written = text
    return number


def written(value: int | float) -> str:
    """A number as it stands in the file; booleans in YAML's usual form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return getattr(value, "written", None) or str(value)
