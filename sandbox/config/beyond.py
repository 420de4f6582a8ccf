"""What does not fit the schema taken out, so that the rest can be checked as well: one round for all that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set

from sandbox.config.tree import Entries, Path
from sandbox.errors import Problem

_BY_NAME = ("services", "traffic", "volumes")
"""Of these one entry is taken out; of the other keys everything."""


def sound_part(root: Entries, faults: Iterable[Path]) -> tuple[Entries, frozenset[str]]:
    """The tree without what the faults are in, and the names of that. Services are taken out whole."""
    rest, names = root, set[str]()
    for path in faults:
        steps = tuple(map(str, path[: 2 if path[:1] and path[0] in _BY_NAME else 1]))
        rest = _without(rest, steps)
        names |= set(steps[-1:])
    return rest, frozenset(names)


def _without(node: Entries, steps: Path) -> Entries:
    if not steps:
        return Entries(node.location, {})
    key, inner = str(steps[0]), node.get(str(steps[0]))
    if len(steps) > 1 and isinstance(inner, Entries):
        return node.with_node(key, _without(inner, steps[1:]))
    return Entries(node.location, {other: entry for other, entry in node.entries.items() if other != key})


def independent(problems: Iterable[Problem], left_out: Set[str]) -> Iterator[Problem]:
    """Those that don't speak of what was left out, which may be there only because that is missing."""
    names = "|".join(map(re.escape, left_out))
    for problem in problems:
        if not re.search(rf"(?<![\w-])({names})(?![\w-])", problem.message):
            yield problem
