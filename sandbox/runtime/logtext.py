"""Making what services print safe to show."""

from __future__ import annotations

import re

# ECMA-48: control sequences (CSI) with their parameters, command strings (OSC, DCS, …) up to their terminator, other
# escapes of two characters, and what a cut line leaves of any of them.
_SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*m)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_STRINGS = re.compile(r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|$)")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]")

_SGR = re.compile(r"\x1b\[[0-9;:]*m")


def clean(raw: bytes) -> str:
    """One line as text: invalid UTF-8 replaced, control characters other than tabs and colours (SGR) removed.

    A carriage return inside becomes a space, so that nothing is overwritten unseen.
    """
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    if text.isprintable():
        return text
    text = _STRINGS.sub("", text.replace("\r", " "))
    text = _SEQUENCE.sub(lambda match: match[0] if match["sgr"] is not None else "", text)
    return _CONTROLS.sub("", text)


def without_colours(text: str) -> str:
    """A line that `clean` gave, as plain text."""
    return _SGR.sub("", text) if "\x1b" in text else text
