"""Errors on their way through HTTP: one shape for all of them, and back to the class they had."""

from __future__ import annotations

import msgspec

from sandbox.errors import (
    ConfigError,
    ConflictError,
    NotFoundError,
    NotRunningError,
    PreconditionError,
    Problem,
    ProxyError,
    RefusedPolicyError,
    RuntimeFailure,
    SandboxError,
    UsageError,
)


class ErrorBody(msgspec.Struct, frozen=True):
    code: str
    message: str
    hint: str = ""
    place: str = ""
    problems: tuple[Problem, ...] = ()  # of a configuration, all of them


class ErrorAnswer(msgspec.Struct, frozen=True):
    error: ErrorBody


class Refused(SandboxError):
    """The request did not get as far as the control: not allowed, not understood, too much."""

    def __init__(self, status: int, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class VersionMismatchError(SandboxError):
    """Client and supervisor are of different versions, as after an upgrade while a project runs."""

    code = "version_mismatch"


_STATUSES = {
    UsageError.code: 400,
    NotFoundError.code: 404,
    ConfigError.code: 422,
    ConflictError.code: 409,
    PreconditionError.code: 412,
    RefusedPolicyError.code: 422,
    NotRunningError.code: 503,
}
_PLAIN = (
    SandboxError,
    UsageError,
    NotFoundError,
    NotRunningError,
    RuntimeFailure,
    ProxyError,
    RefusedPolicyError,
    ConflictError,
    PreconditionError,
)
_CLASSES: dict[str, type[SandboxError]] = {cls.code: cls for cls in _PLAIN}


def internal_error() -> SandboxError:
    """What a client learns of a defect of ours; the rest is in the log."""
    return Refused(500, "internal", "an internal error", hint="its traceback is in the supervisor's log")


def status_of(error: SandboxError) -> int:
    return error.status if isinstance(error, Refused) else _STATUSES.get(error.code, 500)


def to_answer(error: SandboxError) -> ErrorAnswer:
    problems = error.problems if isinstance(error, ConfigError) else ()
    return ErrorAnswer(
        ErrorBody(code=error.code, message=error.message, hint=error.hint, place=error.place, problems=problems)
    )


def from_answer(answer: ErrorAnswer) -> SandboxError:
    """The error as it was raised; a SandboxError with the same code where its class has no meaning here."""
    body = answer.error
    if body.code == ConfigError.code and body.problems:
        return ConfigError(list(body.problems))
    error = _CLASSES.get(body.code, SandboxError)(body.message, place=body.place, hint=body.hint)
    error.code = body.code
    return error
