"""What a command is: its name, its options and the handler that runs it.

A handler is named as `module:function` and imported only when its command runs, so that `sandbox --help` stays quick.
It takes the parsed options and returns the exit code.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple


class Command(NamedTuple):
    name: str
    summary: str  # one line, for the list of commands
    handler: str  # "module:function" with the signature (argparse.Namespace) -> int
    configure: Callable[[ArgumentParser], None] = lambda parser: None
    examples: tuple[str, ...] = ()
    follows: bool = False  # `-f` means something else here, --follow mostly, and files are named by --file only
    steers_project: bool = True  # takes --project and --file
    parts: tuple[Command, ...] = ()  # named "COMMAND PART"; without a part the command itself runs


class Group(NamedTuple):
    title: str
    commands: tuple[Command, ...]


def output_option(*formats: str) -> Callable[[ArgumentParser], None]:
    """`-o`, of which the first format is the default."""

    def configure(parser: ArgumentParser) -> None:
        parser.add_argument(
            "-o", "--output", choices=formats, default=formats[0], help=f"how to print it (default: {formats[0]})"
        )

    return configure


def services_argument(parser: ArgumentParser) -> None:
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="only these services (default: all)")
