"""Regular expressions as Envoy has them: RE2's own, of the whole text, in time that grows with its length alone.

Python's `re` differs in what it takes (look-around, back-references), in what it refuses (`\\z`, `\\pL`) and in what
`\\d`, `\\w` and `$` mean.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_QUIET = re2.Options()
_QUIET.log_errors = False


def full_match(expression: str, text: str) -> bool:
    """False for an expression that RE2 does not know."""
    found = _compiled(expression)
    return found is not None and found.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    try:
        return re2.compile(expression, _QUIET)
    except re2.error:
        return None
