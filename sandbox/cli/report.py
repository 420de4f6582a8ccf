"""Errors as people meet them: `error: <place>: <what>`, then `hint: <next step>`, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from sandbox.cli.style import Style
from sandbox.errors import ConfigError, SandboxError


def print_error(error: SandboxError) -> None:
    style = Style.of(sys.stderr)
    for label, text in error_lines(error):
        colour = "red" if label == "error" else "cyan"
        print(f"{style.paint(label + ':', colour, bold=True)} {text}", file=sys.stderr)


def error_lines(error: SandboxError) -> Iterator[tuple[str, str]]:
    """(label, text) per line; a configuration's problems each have a line of their own."""
    if not isinstance(error, ConfigError):
        yield "error", str(error)
        if error.hint:
            yield "hint", error.hint
        return
    for problem in error.problems:
        yield "error", f"{problem.location}: {problem.message}"
        if problem.hint:
            yield "hint", problem.hint


def print_internal_error(error: Exception) -> None:
    """A defect of ours: one line, and the traceback in a file."""
    summary = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
    place = _keep_traceback(error)
    print_error(SandboxError(summary, place="internal", hint=f"please report it with {place}" if place else ""))


def _keep_traceback(error: Exception) -> str | None:
    """Where the traceback was written, replacing that of an earlier defect; None where nothing can be written."""
    import platform
    import traceback

    from sandbox import __version__
    from sandbox.files import write_atomic
    from sandbox.paths import make_private, sandbox_home

    text = f"sandbox {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    text += "".join(traceback.format_exception(error))
    try:
        home = sandbox_home()
        make_private(home)
        write_atomic(home / "internal-error.txt", text.encode(errors="replace"))
    except (OSError, SandboxError):
        return None
    return str(home / "internal-error.txt")
