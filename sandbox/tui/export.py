"""Log lines into a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from sandbox.control import LogLine
from sandbox.errors import SandboxError
from sandbox.files import write_atomic
from sandbox.tui.logfilter import plain


def as_text(line: LogLine) -> str:
    """With its time in RFC 3339, UTC, and without colours."""
    at = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{at} {line.instance} {plain(line.text)}"


def write_lines(file: Path, lines: Iterable[LogLine]) -> int:
    """How many were written. SandboxError where that can't be done."""
    texts = [as_text(line) for line in lines]
    try:
        write_atomic(file, "".join(f"{text}\n" for text in texts).encode())
    except OSError as error:
        raise SandboxError(
            f"can't be written: {error.strerror}", place=str(file), hint="start sandbox in a folder of yours"
        ) from None
    return len(texts)
