"""`sandbox exec`: a command where a service runs, on the user's own terminal."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence

from sandbox.cli.project import talk
from sandbox.control import Control, ExecSpec
from sandbox.errors import SandboxError, UsageError


def run(options: Namespace) -> int:
    argv = command_of(options.argv)
    found: list[ExecSpec] = []

    async def ask(control: Control) -> int:
        found.append(await control.exec_spec(options.target, argv))
        return 0

    talk(options, ask)
    return become(found[0])


def command_of(words: Sequence[str]) -> Sequence[str]:
    """The command, with or without the `--` in front of it. UsageError when there is none."""
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
        raise SandboxError(
            f"can't run: {error.strerror}", place=spec.argv[0], hint="check the command's name and its PATH"
        ) from error


def terminal_environment(wanted: Mapping[str, str] | None, own: Mapping[str, str]) -> Mapping[str, str]:
    """The instance's environment on this terminal."""
    if wanted is None:
        return own
    terminal = {name: own[name] for name in ("TERM", "COLORTERM", "LINES", "COLUMNS") if name in own}
    return {**terminal, **wanted}
