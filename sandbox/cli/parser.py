"""Reading the words of a command line: first the command's name, then the options of that command alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from sandbox import __version__
from sandbox.cli.commands import GROUPS, INTERNAL
from sandbox.cli.grammar import Command
from sandbox.errors import UsageError

COMMANDS = {command.name: command for group in GROUPS for command in group.commands}
HIDDEN = {command.name: command for command in INTERNAL}

_OPTIONS_WITH_VALUE = ("-f", "--file", "--project")
_START_HERE = (
    ("sandbox up bakery", "start a sample app and watch it"),
    ("sandbox init", "write a sandbox.yaml for this folder"),
    ("sandbox COMMAND --help", "options and examples of a command"),
)

_WHICH_PROJECT = (
    "Which project: --project NAME, or -f FILE, or else the nearest sandbox.yaml or",
    "compose.yaml, or else the only one that runs.",
)


class Parser(argparse.ArgumentParser):
    """Reports bad usage as UsageError, so that it reads like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see `{self.prog} --help`")


class TopParser(Parser):
    def format_help(self) -> str:
        return overview()


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace] | None:
    """The command and its options, or None when no command is named.

    Options always hold `project` (a name or None) and `files` (as typed). Raises UsageError for what can't be
    understood, SystemExit(0) after printing --help or --version.
    """
    before, words = split(argv)
    top = top_parser().parse_args(before)
    if not words:
        return None
    if words[0] == "help":
        return parse([*words[1:3], "--help"])
    command, rest = descend(words)
    options = read(command, rest)
    if command.follows and (
        file := next((word for word in getattr(options, "services", ()) if _is_file_name(word)), None)
    ):
        hint = f"name the file with --file: sandbox {command.name} --file {file}"
        raise UsageError(f"{file} is taken for a service, because -f means --follow here", hint=hint)
    options.files = top.files + getattr(options, "files", [])
    options.project = getattr(options, "project", None) or top.project
    return command, options


def _is_file_name(word: str) -> bool:
    """No service can be called this."""
    return word.endswith((".yaml", ".yml"))


def split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What stands before the command's name, and the rest."""
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        index += 2 if argv[index] in _OPTIONS_WITH_VALUE else 1
    return argv[:index], argv[index:]


def find(name: str) -> Command:
    """The command of that name; UsageError with the nearest ones when there is none."""
    if command := COMMANDS.get(name) or HIDDEN.get(name):
        return command
    near = get_close_matches(name, COMMANDS, n=2)
    hint = f"did you mean {' or '.join(f'`sandbox {other}`' for other in near)}?" if near else "see `sandbox --help`"
    raise UsageError(f"there is no command {name!r}", hint=hint)


def descend(words: Sequence[str]) -> tuple[Command, Sequence[str]]:
    """The command or the part of one that the words name, and the words after it. UsageError when there is none."""
    command, rest = find(words[0]), words[1:]
    if not command.parts or not rest or rest[0].startswith("-"):
        return command, rest
    parts = {part.name.split()[-1]: part for part in command.parts}
    if (part := parts.get(rest[0])) is not None:
        return part, rest[1:]
    near = get_close_matches(rest[0], parts, n=2)
    hint = f"did you mean {' or '.join(f'`sandbox {command.name} {other}`' for other in near)}?"
    raise UsageError(
        f"there is no command `{command.name} {rest[0]}`", hint=hint if near else f"see `sandbox {command.name} --help`"
    )


def read(command: Command, words: Sequence[str]) -> argparse.Namespace:
    """Parts of commands take options between their arguments, even when an argument may be left out."""
    parser = command_parser(command)
    if " " not in command.name or any(action.nargs == argparse.REMAINDER for action in parser._actions):
        return parser.parse_args(words)
    return parser.parse_intermixed_args(words)


def top_parser() -> Parser:
    parser = TopParser(prog="sandbox", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"sandbox {__version__}")
    _add_project_options(parser, "-f", project=None, files=[])
    return parser


def command_parser(command: Command) -> Parser:
    parser = Parser(
        prog=f"sandbox {command.name}",
        description=command.summary[:1].upper() + command.summary[1:] + ".",
        epilog=_examples(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.configure(parser)
    if command.steers_project:
        short = () if command.follows else ("-f",)
        _add_project_options(parser.add_argument_group("which project"), *short)
    return parser


def _add_project_options(
    parser: argparse._ActionsContainer,
    *short: str,
    project: object = argparse.SUPPRESS,
    files: object = argparse.SUPPRESS,
) -> None:
    parser.add_argument(
        "--project",
        metavar="NAME",
        default=project,
        help="by name (default: that of the nearest sandbox.yaml or compose.yaml)",
    )
    parser.add_argument(
        *short,
        "--file",
        dest="files",
        action="append",
        default=files,
        metavar="FILE",
        help="by file; more than one are merged in order",
    )


def _examples(command: Command) -> str | None:
    parts = [f"{part.name.split()[-1]:<10} {part.summary}" for part in command.parts]
    blocks = [("commands:", *parts)] if parts else []
    blocks += [("examples:", *command.examples)] if command.examples else []
    return "\n\n".join("\n  ".join(block) for block in blocks) or None


def overview() -> str:
    """What `sandbox --help` prints."""
    lines = ["usage: sandbox COMMAND [OPTION…]", "", "A local cluster of your services in one command."]
    for group in GROUPS:
        lines += ["", f"{group.title}:"]
        lines += [f"  {command.name:<12}{command.summary}" for command in group.commands]
    lines += ["", "Start here:"]
    lines += [f"  {words:<24}{meaning}" for words, meaning in _START_HERE]
    return "\n".join((*lines, "", *_WHICH_PROJECT)) + "\n"
