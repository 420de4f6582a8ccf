"""What an instance printed, as the reason of its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.model import Version
from sandbox.runtime.base import Exit
from sandbox.runtime.logtext import without_colours
from sandbox.supervisor import culprit
from sandbox.supervisor.state import InstanceState

Printed = Callable[[str, float, int], Sequence[str]]
"""Instance, seconds since the epoch, a number of lines → so many of the newest that it printed since then."""

_LINES = 10
_EARLIER = 0.1
"""Seconds by which the first words of an instance may be older than its start."""
_LAST_WORDS = 10.0
"""Seconds before its end in which an instance says what it ends of; what went wrong earlier it survived."""
_IN_CONTAINERS = ("/app", "/")


class Evidence:
    def __init__(self, printed: Printed) -> None:
        self._printed = printed

    def last_lines(self, instance: InstanceState) -> str:
        """Of its present life, for ids are used again; without colours, for screens have their own."""
        if instance.started_at is None:
            return ""
        return "\n".join(map(without_colours, self._printed(instance.id, instance.started_at - _EARLIER, _LINES)))

    def culprit(self, instance: InstanceState, version: Version, root: Path, exit: Exit) -> str | None:
        """The line of its own code that ended it, and the error: "app.py:3: KeyError: 'x'"."""
        if not exit.code or instance.started_at is None:
            return None
        since = max(instance.started_at - _EARLIER, exit.at - _LAST_WORDS)
        found = culprit.find(self._printed(instance.id, since, culprit.LINES), _folders(instance, version, root))
        return str(found) if found is not None else None


def _folders(instance: InstanceState, version: Version, root: Path) -> tuple[str, ...]:
    """Where an instance's own code lies as it sees it."""
    if instance.container is not None or version.build is None:
        return _IN_CONTAINERS
    return str(version.build.context), str(root)
