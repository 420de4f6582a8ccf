"""Headers as people type them: `-H 'x-user: me'`, as for curl, or `-H x-user=me`, as for `sandbox traffic`."""

from __future__ import annotations

import re

from sandbox.errors import UsageError


def header_of(text: str) -> tuple[str, str]:
    """Name and value. UsageError for what is no header."""
    found = re.fullmatch(r"\s*([^\s:=]+)\s*[:=]\s*(.*?)\s*", text)  # a dot is no line break
    if found is None or "\r" in text:
        raise UsageError(f"{text!r} is no header", place="--header", hint="write it like -H 'x-user: me'")
    return found[1], found[2]
