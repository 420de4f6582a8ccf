"""Writing small files so that a crash leaves either the old or the new text, and reading them without trusting them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_UNFINISHED = ".tmp"


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by temporary file, fsync and rename. Raises OSError and then leaves `path` as it was."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path) -> None:
    """Delete what a writer that was killed left in `folder`. Only while nobody writes there."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        path.unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Move a damaged file out of the way as `<name>.corrupt`, replacing an earlier one; returns its new place."""
    aside = path.with_name(path.name + ".corrupt")
    path.replace(aside)
    return aside
