"""Policies as text that a person compares."""

from __future__ import annotations

import difflib

import yaml

from sandbox.supervisor.steering.means import Documents


def diff(before: Documents, after: Documents, was: str, now: str) -> str:
    """Unified; empty when nothing differs."""
    lines = difflib.unified_diff(_lines(before), _lines(after), was, now, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _lines(documents: Documents) -> list[str]:
    if not documents:
        return []
    text: str = yaml.safe_dump(_plain(documents), sort_keys=False, allow_unicode=True, width=100)
    return text.splitlines()


def _plain(value: object) -> object:
    """Without enums and read-only maps, which YAML does not know."""
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "items"):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
