"""Completion of command lines: every shell asks `sandbox __complete`, so all offer the same, live names included."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sandbox.api.client import Client
from sandbox.cli.grammar import Command
from sandbox.cli.parser import COMMANDS, command_parser, descend, split, top_parser
from sandbox.cli.project import choose, first_of, known_projects
from sandbox.config.locate import sample_apps
from sandbox.errors import SandboxError, UsageError
from sandbox.paths import sandbox_home

Source = Callable[[], Iterable[str]]

_PATIENCE = 1.0  # seconds a person waits for a supervisor that does not answer


def run(options: argparse.Namespace) -> int:
    print(_SCRIPTS[options.shell], end="")
    return 0


def answer(options: argparse.Namespace) -> int:
    """Prints a candidate a line for the last of the words typed so far; nothing when there is no idea."""
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if words:
        print("\n".join(candidates(words, _sources(words))))
    return 0


def candidates(words: Sequence[str], sources: Mapping[str, Source]) -> list[str]:
    """What the last word may become. sources: live names by the option or argument that takes them."""
    *done, current = words
    _, typed = split(done)
    if typed and typed[0] not in COMMANDS:
        return []
    found = _within(typed, current, sources) if typed else _first(done, current, sources)
    return [word for word in found if word.startswith(current)]


def _within(typed: Sequence[str], current: str, sources: Mapping[str, Source]) -> Iterable[str]:
    command = COMMANDS[typed[0]]
    if command.parts and len(typed) == 1 and not current.startswith("-"):
        return [part.name.split()[-1] for part in command.parts]
    try:
        command, rest = descend(typed)
    except UsageError:
        return ()
    return _after(command, rest, current, sources)


def _first(done: Sequence[str], current: str, sources: Mapping[str, Source]) -> Iterable[str]:
    parser = top_parser()
    if (action := _awaiting_value(parser, done)) is not None:
        return _values(action, sources)
    return _option_names(parser) if current.startswith("-") else COMMANDS


def _after(command: Command, typed: Sequence[str], current: str, sources: Mapping[str, Source]) -> Iterable[str]:
    parser = command_parser(command)
    if (action := _awaiting_value(parser, typed)) is not None:
        return _values(action, sources)
    if current.startswith("-"):
        return _option_names(parser)
    return _values(_positional(parser, typed), sources)


def _awaiting_value(parser: argparse.ArgumentParser, typed: Sequence[str]) -> argparse.Action | None:
    """The option whose value is being typed."""
    for action in parser._actions:
        if typed and typed[-1] in action.option_strings and action.nargs != 0:
            return action
    return None


def _positional(parser: argparse.ArgumentParser, typed: Sequence[str]) -> argparse.Action | None:
    """The argument that the next bare word belongs to."""
    taken = sum(
        not word.startswith("-") and _awaiting_value(parser, typed[:index]) is None for index, word in enumerate(typed)
    )
    actions = [action for action in parser._actions if not action.option_strings]
    if actions and actions[-1].nargs in ("*", "+"):
        return actions[min(taken, len(actions) - 1)]
    return actions[taken] if taken < len(actions) else None


def _option_names(parser: argparse.ArgumentParser) -> Iterable[str]:
    return [
        name for action in parser._actions if action.help is not argparse.SUPPRESS for name in action.option_strings
    ]


def _values(action: argparse.Action | None, sources: Mapping[str, Source]) -> Iterable[str]:
    if action is None:
        return ()
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    return sources.get(action.dest, tuple)()


def _sources(words: Sequence[str]) -> Mapping[str, Source]:
    return {
        "services": lambda: _services(words),
        "target": lambda: _services(words),
        "service": lambda: _services(words),
        "callers": lambda: _services(words),
        "caller": lambda: _services(words),
        "dockerfile": lambda: _services(words),
        "wishes": lambda: [f"{name}=" for name in _services(words)],
        "version": lambda: _versions(words),
        "weights": lambda: [f"{name}=" for name in _versions(words)],
        "project": lambda: [project.paths.id for project in known_projects(sandbox_home())],
        "profiles": _profiles,
        "path": sample_apps,
    }


def _profiles() -> Iterable[str]:
    from sandbox.config.profiles import profile_names  # 150 ms that only this needs

    return profile_names()


def _services(words: Sequence[str]) -> list[str]:
    return list(_asked(words))


def _versions(words: Sequence[str]) -> list[str]:
    """Of the services that the words name already."""
    versions = _asked(words)
    return list(dict.fromkeys(version for word in words[:-1] for version in versions.get(word, ())))


def _asked(words: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Services and their versions, of the running project that the words name; none when it can't be asked now."""
    scan = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    scan.add_argument("--project")
    scan.add_argument("--file", action="append", default=[])
    try:
        options, _ = scan.parse_known_args(words)
        project = choose(known_projects(sandbox_home()), name=options.project, file=first_of(options.file))
        return asyncio.run(asyncio.wait_for(_ask(project.paths.api_socket), _PATIENCE))
    except (argparse.ArgumentError, SandboxError, OSError, TimeoutError):
        return {}


async def _ask(address: Path) -> Mapping[str, tuple[str, ...]]:
    async with Client(address) as control:
        return {service.name: service.versions for service in (await control.status()).services}


_BASH = r"""# sandbox completion for bash: source <(sandbox completion bash)
_sandbox() {
    local IFS=$'\n'
    COMPREPLY=($(sandbox __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    if [[ ${COMPREPLY[0]-} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _sandbox sandbox
"""

_ZSH = r"""#compdef sandbox
# sandbox completion for zsh: source <(sandbox completion zsh)
_sandbox() {
    local -a found
    found=("${(@f)$(sandbox __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z ${found[1]} ]]; then
        _files
    elif [[ ${found[1]} == *= ]]; then
        compadd -S '' -a found
    else
        compadd -a found
    fi
}
if [[ ${funcstack[1]} == _sandbox ]]; then
    _sandbox "$@"
else
    compdef _sandbox sandbox
fi
"""

_FISH = r"""# sandbox completion for fish: sandbox completion fish | source
function __sandbox_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (sandbox __complete -- $words[2..-1] 2>/dev/null)
    if test -n "$found[1]"
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c sandbox -f -a '(__sandbox_complete)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
