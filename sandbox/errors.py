"""What can go wrong, in the shape a person reads: a place, a reason and a next step.

Only `cli.main` turns these into text on stderr and an exit code; nothing below it prints or exits.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    NOT_EXECUTABLE = 126  # of `exec`, as shells have it
    NO_SUCH_PROGRAM = 127  # the same
    INTERRUPTED = 130


class SandboxError(Exception):
    """Something failed that a person can do something about.

    place: where it is (`file:line:column`, a service, a port); may be empty.
    hint: the next step, in the imperative; may be empty.
    code: a stable word for scripts, used in the API's error shape.
    """

    exit_code = ExitCode.FAILED
    code = "failed"

    def __init__(self, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A position in a text file; line and column count from 1, 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration."""

    location: Location
    message: str
    hint: str = ""


class ConfigError(SandboxError):
    """The configuration can't be used. Raised with every problem found, in the order of the text."""

    exit_code = ExitCode.USAGE
    code = "invalid_config"

    def __init__(self, problems: list[Problem]) -> None:
        if not problems:
            raise ValueError("a ConfigError needs at least one problem")
        first = problems[0]
        super().__init__(first.message, place=str(first.location), hint=first.hint)
        self.problems = tuple(problems)


class UsageError(SandboxError):
    """The command was given something it can't take: an unknown service, a bad number."""

    exit_code = ExitCode.USAGE
    code = "bad_usage"


class NotFoundError(UsageError):
    """A service, instance or project of that name does not exist."""

    code = "not_found"


class NotRunningError(SandboxError):
    """The project has no supervisor to talk to."""

    exit_code = ExitCode.NOT_RUNNING
    code = "not_running"


class RuntimeFailure(SandboxError):
    """A driver could not do what it was asked: build, start, stop or inspect."""

    code = "runtime_failure"


class ProxyError(SandboxError):
    """Envoy is missing, did not start, or refused what it was given."""

    code = "proxy_failure"


class RefusedPolicyError(ProxyError):
    """Envoy refuses what a traffic policy asks for, and nothing has changed.

    place: `traffic.SERVICE` or `traffic.SERVICE.rules[0]`; whoever knows where that is written says so instead.
    """

    code = "policy_refused"


class ConflictError(SandboxError):
    """Something else is in force, or under way, than whoever asked believed."""

    code = "conflict"


class PreconditionError(ConflictError):
    """Another revision is in force than whoever asked made it depend on."""

    code = "precondition_failed"


_DISK_REFUSALS = {
    errno.ENOSPC: "free some disk space",
    errno.EDQUOT: "free some of your disk quota",
    errno.EROFS: "keep sandbox's state where it can be written: SANDBOX_HOME=/path",
}


def refused_by_disk(error: OSError) -> SandboxError | None:
    """What a full or read-only disk said, in plain words; None for all else."""
    hint = _DISK_REFUSALS.get(error.errno or 0)
    if hint is None:
        return None
    return SandboxError(f"can't be written: {error.strerror}", place=str(error.filename or "the disk"), hint=hint)
