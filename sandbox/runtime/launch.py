"""Bringing a project's shim to life."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from sandbox.errors import RuntimeFailure
from sandbox.paths import ProjectPaths
from sandbox.runtime.client import answers
from sandbox.runtime.selfexec import self_command
from sandbox.runtime.sweep import mark_file, sweep

_STARTS_WITHIN = 15.0
_FREE_WITHIN, _PAUSE = 20.0, 0.05  # until another one has cleared up, which takes as long as processes need to end
_LOCKED = 3  # the shim's exit code when another one holds the lock
_LOG_LIMIT = 256 * 1024


def shim_log(paths: ProjectPaths) -> Path:
    """What the shim itself has to say; small and usually empty."""
    return paths.state / "shim.log"


def launch(paths: ProjectPaths) -> None:
    """Have a shim running: returns when its socket answers, at once if it does already.

    What a dead shim left behind is ended first. RuntimeFailure with the shim's own words when it can't start.
    """
    paths.create()
    if answers(paths.shim_socket):
        return
    deadline = time.monotonic() + _FREE_WITHIN
    sweep(paths)
    while (code := _start(paths)) == _LOCKED and not answers(paths.shim_socket) and time.monotonic() < deadline:
        time.sleep(_PAUSE)  # somebody else clears up just now, or has the shim that will answer
        sweep(paths)
    if code not in (0, _LOCKED) or not answers(paths.shim_socket):
        raise RuntimeFailure(
            f"the process that keeps the services (the shim) did not start: {_last_words(paths)}",
            place=str(shim_log(paths)),
            hint="try again; if it stays, run: sandbox doctor",
        )


def _start(paths: ProjectPaths) -> int | None:
    """The command's exit code; the shim itself goes on in the background. None when it took too long."""
    log = shim_log(paths)
    _bound(log)
    arguments = (str(paths.shim_socket), str(paths.shim_lock), str(mark_file(paths)))
    command = self_command("sandbox.runtime.shim", *arguments, isolated=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        done = subprocess.run(
            command,
            cwd=paths.state,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,  # Ctrl-C in the terminal is not meant for it
            timeout=_STARTS_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        os.write(descriptor, f"{command[0]}: {error.strerror}\n".encode())
        return error.errno
    finally:
        os.close(descriptor)
    return done.returncode


def _bound(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_name(log.name + ".1"))


def _last_words(paths: ProjectPaths) -> str:
    try:
        lines = shim_log(paths).read_text("utf-8", "replace").splitlines()
    except OSError as error:
        return error.strerror or str(error)
    return lines[-1] if lines else "it said nothing"
