"""The Unix socket: private from its first moment, and never taken from someone who still answers."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class UnixListener:
    socket: socket.socket
    path: Path
    inode: int

    def remove(self) -> None:
        """Unlink the socket's file, unless another one is there by now."""
        try:
            if self.path.lstat().st_ino == self.inode:
                self.path.unlink()
        except FileNotFoundError:
            pass


def listen_unix(path: Path) -> UnixListener:
    """A listening socket of mode 0600 at `path`, in place of one that nobody serves any more.

    It is made beside its place and then renamed, so that nobody meets it while it is open to others or deaf.
    SandboxError when something answers there already, or when a file that is not a socket of ours is in the way.
    """
    _check_vacant(path)
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(beside))
        beside.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        inode = beside.stat().st_ino
        beside.replace(path)
    except OSError as error:
        listener.close()
        beside.unlink(missing_ok=True)
        raise SandboxError(f"can't listen there: {error.strerror or error}", place=str(path)) from error
    return UnixListener(listener, path, inode)


def _check_vacant(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
        raise SandboxError("is not a socket of yours", place=str(path), hint="remove it")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError:
            pass  # busy or slow, so someone has it
    raise SandboxError("another supervisor answers there", place=str(path), hint="run: sandbox down")
