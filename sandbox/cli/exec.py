"""`sandbox exec`: a command where a service runs, on the user's own terminal."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence

from sandbox.cli.project import talk
from sandbox.control import Control, ExecSpec
from sandbox.errors import ExitCode, SandboxError, UsageError


def run(options: Namespace) -> int:
    argv = command_of(options.argv)
    found: list[ExecSpec] = []

    async def ask(control: Control) -> int:
        found.append(await control.exec_spec(options.target, argv))
        return 0

    talk(options, ask)
    return become(found[0])


def command_of(words: Sequence[str]) -> Sequence[str]:
    """The command, with or without the `--` in front of it. UsageError when there is none, or an option of ours: behind
    the service everything belongs to the command."""
    if words and words[0].startswith("-") and words[0] != "--":
        before = " ".join(words[: words.index("--")] if "--" in words else words[:2])
        hint = f"options stand before the service: sandbox exec {before} SERVICE -- COMMAND"
        raise UsageError(f"{words[0]} is read as the command to run", hint=hint)
    argv = words[1:] if words[:1] == ["--"] else words
    if not argv:
        raise UsageError("what should run?", hint="for example `sandbox exec SERVICE -- env`")
    return argv


def become(spec: ExecSpec) -> int:
    """Replace this process by the command: terminal, signals and exit code are its own. Returns only to raise."""
    environment = terminal_environment(spec.environment, os.environ)
    sys.stdout.flush()
    try:
        if spec.cwd is not None:
            os.chdir(spec.cwd)
        os.execvpe(spec.argv[0], spec.argv, environment)
    except OSError as error:
        raise CommandNotRun(error, spec.argv[0]) from error


class CommandNotRun(SandboxError):
    """The exit code tells, as a shell's does, whether it is missing or can't be executed."""

    def __init__(self, error: OSError, program: str) -> None:
        hint = "check the command's name and its PATH"
        super().__init__(f"can't run: {error.strerror}", place=program, hint=hint)
        missing = isinstance(error, FileNotFoundError)
        self.exit_code = ExitCode.NO_SUCH_PROGRAM if missing else ExitCode.NOT_EXECUTABLE


def terminal_environment(wanted: Mapping[str, str] | None, own: Mapping[str, str]) -> Mapping[str, str]:
    """The instance's environment on this terminal."""
    if wanted is None:
        return own
    terminal = {name: own[name] for name in ("TERM", "COLORTERM", "LINES", "COLUMNS") if name in own}
    return {**terminal, **wanted}
