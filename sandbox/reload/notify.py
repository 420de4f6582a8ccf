"""Hints from the operating system, by watchfiles: something may have happened at these paths."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from sandbox.errors import SandboxError

STEP, STEP_ASLEEP = 2, 10
"""Milliseconds between two looks for news; there is a hint after one without: one to two steps after the save.
Looking is all that watching costs, so it is done less often when nobody saves."""

AWAKE = 30_000
"""Milliseconds after the last news."""

LONGEST = 50
"""Milliseconds after which news that do not stop are handed on."""

_TRIES = 5

T = TypeVar("T")
Hear = Callable[[Collection[str]], None]
Fail = Callable[[SandboxError], None]


class WatchLimit(SandboxError):
    """The system has no more watches to give. `hint` has the command that raises the limit by its name."""

    code = "watch_limit"


class Source(Protocol):
    """A watch of some folders."""

    def news(self) -> Collection[str] | None:
        """Waits for paths where something happened; None when it is to end. OSError when it can't go on."""

    def end(self) -> None:
        """From another thread, once: `news` returns."""

    def close(self) -> None:
        """After the last news."""


Open = Callable[[list[str]], Source]


class Watchfiles:
    """One watch for each folder, none below: what is ignored costs nothing. OSError when there can't be one.

    Permissions are for the caller to see to: told to pass over them, watchfiles passes over used-up watches, too.
    """

    def __init__(self, folders: list[str]) -> None:
        self._stop = threading.Event()
        self._awake = False
        try:
            self._source = RustNotify(folders, False, False, 0, False, False)
        except WatchfilesRustInternalError as error:
            raise OSError(str(error)) from error

    def news(self) -> Collection[str] | None:
        while isinstance(found := self._look(), str):
            if found != "timeout":
                return None
            self._awake = False
        self._awake = True
        return {path for _, path in found}

    def _look(self) -> set[tuple[int, str]] | str:
        step, timeout = (STEP, AWAKE) if self._awake else (STEP_ASLEEP, 0)
        try:
            return self._source.watch(LONGEST, step, timeout, self._stop)
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def end(self) -> None:
        self._stop.set()

    def close(self) -> None:
        self._source.close()


class Notifier:
    """Watches a set of folders, each without what lies deeper, and changes the set without missing anything."""

    def __init__(self, hear: Hear, fail: Fail, open_source: Open = Watchfiles) -> None:
        self._hear = hear
        self._fail = fail
        self._open = open_source
        self._ear: _Ear | None = None

    async def watch(self, folders: Collection[str]) -> None:
        """Returns when all are watched. The old ones are, too, until then. WatchLimit when that can't be had."""
        source = await asyncio.to_thread(self._listen_at, folders)
        old, self._ear = self._ear, _Ear(source, self._hear, self._fail)
        if old is not None:
            old.close()

    def close(self) -> None:
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def _listen_at(self, folders: Collection[str]) -> Source:
        for _ in range(_TRIES):
            try:
                return self._open(_readable(folders))
            except (FileNotFoundError, PermissionError):
                continue  # gone or closed since it was listed
            except OSError as error:
                raise _limit(error, len(folders)) from error
        raise WatchLimit("folders come and go faster than they can be watched", hint="ignore the ones that do")


class _Ear:
    """A thread that waits for news of one source and hands them to the event loop."""

    def __init__(self, source: Source, hear: Hear, fail: Fail) -> None:
        self._source = source
        self._hear = hear
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, name="sandbox watch", daemon=True).start()

    def close(self) -> None:
        self._source.end()

    def _run(self) -> None:
        try:
            while (news := self._source.news()) is not None:
                self._to_loop(self._hear, news)
        except OSError as error:
            self._to_loop(self._fail, SandboxError(f"the system's watch for changes ended: {error}"))
        finally:
            self._source.close()

    def _to_loop(self, function: Callable[[T], None], value: T) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function, value)


def _readable(folders: Iterable[str]) -> list[str]:
    return sorted(folder for folder in folders if os.access(folder, os.R_OK) and Path(folder).is_dir())


def _limit(error: OSError, wanted: int) -> SandboxError:
    """watchfiles has the reason in words only."""
    text = str(error)
    if error.errno == errno.ENOSPC or "watch limit" in text or f"os error {errno.ENOSPC}" in text:
        return WatchLimit(
            f"the system's limit of watches (fs.inotify.max_user_watches{_now('max_user_watches')}) is reached; "
            f"{wanted} folders are to be watched",
            hint="raise it: sudo sysctl fs.inotify.max_user_watches=524288",
        )
    if error.errno == errno.EMFILE or f"os error {errno.EMFILE}" in text:
        return WatchLimit(
            f"the system's limit of watchers (fs.inotify.max_user_instances{_now('max_user_instances')}) is reached",
            hint="raise it: sudo sysctl fs.inotify.max_user_instances=1024",
        )
    return SandboxError(f"the system can't watch for changes: {text}")


def _now(limit: str) -> str:
    try:
        return f" = {Path('/proc/sys/fs/inotify', limit).read_text().strip()}"
    except OSError:
        return ""
