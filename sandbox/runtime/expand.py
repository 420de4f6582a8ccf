"""Addresses in command lines."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\{(PORT|HOST|PORT_\d+)\}|(PORT_\d+|PORT|HOST)(?![A-Za-z0-9_]))")


def expand(word: str, environment: Mapping[str, str]) -> str:
    """Put in the address an instance is given: `$PORT`, `${PORT}`, `$HOST` and `$PORT_<declared>`, and nothing else."""
    return _REFERENCE.sub(lambda match: environment.get(match[1] or match[2], match[0]), word)
