"""The newest line of each service's build, as long as somebody listens."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from sandbox.cli.style import strip_colours
from sandbox.control import LogLine, LogQuery, LogsControl
from sandbox.errors import SandboxError

_BUILD = "-build"
"""How the log of a build ends, as that of an instance ends with its number."""


def is_of_build(line: LogLine) -> bool:
    return line.instance.endswith(_BUILD)


class BuildNews:
    def __init__(self) -> None:
        self._newest: dict[str, str] = {}  # by service, the one that spoke last at the end

    async def listen(self, control: LogsControl, since: float) -> None:
        """Until cancelled, or the supervisor is away. since: seconds since the epoch."""
        with suppress(SandboxError):
            async for line in control.logs(LogQuery(follow=True, since=since)):
                if is_of_build(line):
                    self.hear(line.service, line.text)

    def hear(self, service: str, text: str) -> None:
        self._newest.pop(service, None)
        self._newest[service] = strip_colours(text).strip()

    def newest(self, services: Collection[str]) -> tuple[str, str] | None:
        """(service, line) of the one of these that spoke last."""
        return next(((name, self._newest[name]) for name in reversed(self._newest) if name in services), None)
