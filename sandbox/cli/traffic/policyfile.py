"""A file of policies: `traffic:` of a sandbox.yaml with what is below it, or only that.

What does not fit the services is found where the policies are put in force, and said with its place in the file.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sandbox.cli.traffic.edits import edit_of
from sandbox.control import Edit, EditAction
from sandbox.errors import ConfigError, Location, RefusedPolicyError, SandboxError, UsageError

if TYPE_CHECKING:
    import yaml

_LARGEST = 512 * 1024
_ROOT = "traffic"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """Each service that the file names gets the policy that stands there."""

    edits: tuple[Edit, ...]
    places: Mapping[str, Location]  # by `traffic.SERVICE.rules[0]…`
    command: str = ""  # that says it instead of a file

    async def located(self, answer: Awaitable[T]) -> T:
        """The answer; what is wrong with it names places in the file, or the command."""
        try:
            return await answer
        except ConfigError as error:
            raise ConfigError([replace(one, location=self._place(one.location)) for one in error.problems]) from None
        except RefusedPolicyError as error:
            raise RefusedPolicyError(
                error.message, place=str(self._place(Location(error.place))), hint=error.hint
            ) from None

    def _place(self, location: Location) -> Location:
        """Of the nearest thing around it that stands in the file."""
        if self.command:
            return Location(self.command)
        path = location.file
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, location)


def said(form: str, options: Namespace) -> PolicyFile:
    """A short form, which stands for a file of one change."""
    return PolicyFile((edit_of(form, options),), {}, command=f"sandbox traffic {form} {options.service}")


def policies_of(name: str, options: Namespace) -> PolicyFile:
    """As `read_policies`; a file that is not here is looked for beside the file of the project that it is about."""
    from sandbox.cli.project import find_project

    if name != "-" and not Path(name).is_absolute() and not Path(name).exists():
        beside = [file.parent / name for file in find_project(options).files[:1]]
        name = next((str(path) for path in beside if path.is_file()), name)
    return read_policies(name)


def read_policies(name: str) -> PolicyFile:
    """ "-" is standard input. ConfigError, with places in the file, for what does not fit the vocabulary."""
    from sandbox.config.traffic.files import documents_in

    text = _text(name)
    folder = Path.cwd() if name == "-" else Path(name).absolute().parent
    documents = documents_in(text, name, folder, os.environ, bare=True)
    if not documents:
        hint = "write it like `steamer: {rules: [...]}`, or below `traffic:`"
        raise UsageError("has no policies by service", place=name, hint=hint)
    edits = [Edit(service=service, action=EditAction.REPLACE, values=found) for service, found in documents.items()]
    return PolicyFile(tuple(edits), places_in(text, name))


def _text(name: str) -> str:
    try:
        text = sys.stdin.read(_LARGEST + 1) if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SandboxError(
            f"can't be read: {why}", place=name, hint="name a file of policies, or - for input"
        ) from None
    if len(text) > _LARGEST:
        raise UsageError(f"is larger than {_LARGEST // 1024} KiB", place=name)
    return text


# --- places -----------------------------------------------------------------------------------------------------------


def places_in(text: str, name: str) -> dict[str, Location]:
    """Of everything in the file, as far as it can be told without knowing its short forms."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return {}
    found = dict(_places(node, "", name)) if node is not None else {}
    return found if _ROOT in found else {f"{_ROOT}.{path}": place for path, place in found.items()}


def _places(node: yaml.Node, path: str, name: str) -> Iterator[tuple[str, Location]]:
    import yaml

    yield path, _location(node, name)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}" if path else str(key.value)
            yield from _places(value, below, name)
            if not isinstance(value, yaml.ScalarNode):
                yield below, _location(key, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _places(item, f"{path}[{index}]", name)


def _location(node: yaml.Node, name: str) -> Location:
    return Location(name, node.start_mark.line + 1, node.start_mark.column + 1)
