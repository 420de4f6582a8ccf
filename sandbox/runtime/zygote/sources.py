"""Which modules a service will import, as far as its own sources say. Pure.

For a service whose memory can't be looked at. What is named here may be the user's own, or nowhere: whoever imports it
ahead of time checks that it is a library's.
"""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence

_LINE = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+([\w., \t]+))", re.MULTILINE)


def imported(sources: Iterable[str]) -> frozenset[str]:
    """The modules that Python sources name, absolute imports only, `from a import b` also as `a.b`."""
    return frozenset(name for source in sources for name in _imported(source))


def of_command(argv: Sequence[str]) -> frozenset[str]:
    """The package that `python -m` runs. Its `__main__` is left to the start itself."""
    module = next((word for before, word in itertools.pairwise(argv) if before == "-m"), "")
    return frozenset({module.partition(".")[0], module} - {""})


def _imported(source: str) -> Iterator[str]:
    try:
        with warnings.catch_warnings(action="ignore"):  # about what the user wrote, which is not for us to say
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _in_lines(source)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")


def _in_lines(source: str) -> Iterator[str]:
    """Of a source that this Python does not understand: what begins like an import."""
    for module, modules in _LINE.findall(source):
        names = [module] if module else [part.split()[0] for part in modules.split(",") if part.split()]
        yield from (name for name in names if not name.startswith("."))
