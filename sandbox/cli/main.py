"""The entry point: runs a command and turns whatever happened into an exit code and, on stderr, plain words."""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType

from sandbox.cli import report
from sandbox.cli.parser import overview, parse
from sandbox.errors import ExitCode, SandboxError, refused_by_disk


def main(argv: Sequence[str] | None = None) -> int:
    """Never raises and never prints a traceback; the exit codes are those of CONTRACTS."""
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse, after --help and --version
        return stop.code if isinstance(stop.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return ExitCode.FAILED
    except SandboxError as error:
        report.print_error(error)
        return error.exit_code
    except Exception as error:
        if isinstance(error, OSError) and (refused := refused_by_disk(error)) is not None:
            report.print_error(refused)
        else:
            report.print_internal_error(error)
        return ExitCode.FAILED


def _run(argv: Sequence[str]) -> int:
    parsed = parse(argv)
    if parsed is None:
        sys.stdout.write(overview())
        return ExitCode.OK
    command, options = parsed
    module, _, function = command.handler.partition(":")
    run: Callable[[Namespace], int] = getattr(_imported(module), function)
    return run(options)


def _imported(module: str) -> ModuleType:
    """What an import leaves is there to stay: looking through it for garbage takes a tenth of the time."""
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def _discard_output() -> None:
    """The reader is gone: keep the interpreter from complaining about it once more while it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
