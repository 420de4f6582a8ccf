"""Is somebody still writing this file? Linux can tell; elsewhere it is not known."""

from __future__ import annotations

import errno
import os
import signal
import sys


def being_written(path: str) -> bool | None:
    """Whether a process has the file open for writing. None when that can't be known.

    A read lease is granted only while nobody has (fcntl(2), F_SETLEASE), and given back at once. Whoever opens the file
    in between waits those microseconds; the signal that would tell us so is one that does nothing.
    """
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(handle)
    return False
