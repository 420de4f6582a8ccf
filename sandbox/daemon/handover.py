"""The project that `sandbox up` read and checked, for the supervisor that it starts: reading it again would take half
of the time until the first service starts.

It is good for one supervisor, and only for what was asked for here and while every file is as it was read.
"""

from __future__ import annotations

import hashlib
import pickle
from contextlib import suppress
from pathlib import Path

from sandbox import __version__
from sandbox.files import write_atomic
from sandbox.model import Project
from sandbox.paths import ProjectPaths

_COARSEST_CLOCK = 2.0
"""Seconds by which file systems may round the time of a change."""

_Stamp = tuple[int, int, int, int] | None
"""When the inode and the content changed last, in nanoseconds, inode and size; None without the file. A file that is
moved there keeps the time of its content, but not that of its inode."""


def hand_over(paths: ProjectPaths, project: Project, began: float) -> None:
    """After `save_request`. began: seconds since the epoch, when reading began. A file that was saved about then or
    later may have been read before: then nothing is handed over."""
    stamps = {file: _stamp(file) for file in _read_for(project)}
    if any(stamp is not None and max(stamp[:2]) / 1e9 >= began - _COARSEST_CLOCK for stamp in stamps.values()):
        return
    with suppress(OSError):  # the supervisor then reads the files itself
        write_atomic(_file(paths), pickle.dumps((__version__, _asked(paths), stamps, project)))


def handed_over(paths: ProjectPaths) -> Project | None:
    """Once; None when there is nothing, or the files are to be read."""
    try:
        version, asked, stamps, project = pickle.loads(_file(paths).read_bytes())
    except Exception:  # as with `request.last_good`: whatever is wrong with it means the same
        return None
    finally:
        _file(paths).unlink(missing_ok=True)
    same = version == __version__ and asked == _asked(paths) and isinstance(project, Project)
    return project if same and all(_stamp(file) == stamp for file, stamp in stamps.items()) else None


def _read_for(project: Project) -> tuple[Path, ...]:
    """Also the one that is not there, and would be read if it were."""
    return tuple(dict.fromkeys((*project.files, (project.root / ".env").resolve())))


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ctime_ns, found.st_mtime_ns, found.st_ino, found.st_size


def _asked(paths: ProjectPaths) -> str:
    return hashlib.sha256(paths.request.read_bytes()).hexdigest()


def _file(paths: ProjectPaths) -> Path:
    return paths.state / "handover.pickle"
