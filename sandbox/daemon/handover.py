"""The project that `sandbox up` read and checked, for the supervisor that it starts: reading it again would take half
of the time until the first service starts.

It is good for one supervisor, and only for what was asked for here and while every file is as it was read.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from contextlib import suppress
from pathlib import Path

from sandbox import __version__
from sandbox.config.recall import Read
from sandbox.config.stamps import settled, unchanged
from sandbox.files import write_atomic
from sandbox.model import Project
from sandbox.paths import ProjectPaths


def hand_over(paths: ProjectPaths, read: Read) -> None:
    """After `save_request`."""
    if not settled(read.stamps, time.time()):
        return
    with suppress(OSError):  # the supervisor then reads the files itself
        write_atomic(_file(paths), pickle.dumps((__version__, _asked(paths), read)))


def handed_over(paths: ProjectPaths) -> Project | None:
    """Once; None when there is nothing, or the files are to be read."""
    try:
        version, asked, read = pickle.loads(_file(paths).read_bytes())
    except Exception:  # as with `request.last_good`: whatever is wrong with it means the same
        return None
    finally:
        _file(paths).unlink(missing_ok=True)
    same = version == __version__ and asked == _asked(paths) and isinstance(read, Read)
    return read.project if same and unchanged(read.stamps) else None


def _asked(paths: ProjectPaths) -> str:
    return hashlib.sha256(paths.request.read_bytes()).hexdigest()


def _file(paths: ProjectPaths) -> Path:
    return paths.state / "handover.pickle"
