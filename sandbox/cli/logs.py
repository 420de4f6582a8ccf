"""`sandbox logs`: what services print, each line behind the name of its instance."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import cycle

from sandbox.cli.project import talk
from sandbox.cli.style import Style, strip_colours
from sandbox.control import Control, LogLine, LogQuery

_PALETTE = ("cyan", "green", "yellow", "magenta", "blue")


def run(options: Namespace) -> int:
    query = LogQuery(
        services=tuple(options.services),
        tail=options.tail,
        follow=options.follow,
        since=options.since,
        until=options.until,
    )

    async def print_lines(control: Control) -> int:
        as_text = as_json if options.output == "json" else await _layout(control, options)
        async for line in control.logs(query):
            sys.stdout.write(as_text(line) + "\n")
            sys.stdout.flush()
        return 0

    return talk(options, print_lines)


async def _layout(control: Control, options: Namespace) -> Callable[[LogLine], str]:
    status = await control.status()
    chosen = [service for service in status.services if not options.services or service.name in options.services]
    names = [instance.id for service in chosen for instance in service.instances]
    services = [service.name for service in status.services]
    return Layout(names, services, timestamps=options.timestamps, style=Style.of(sys.stdout))


def as_json(line: LogLine) -> str:
    """One JSON object, for NDJSON."""
    fields = {
        "at": rfc3339(line.at),
        "service": line.service,
        "instance": line.instance,
        "text": strip_colours(line.text),
        "truncated": line.truncated,
    }
    return json.dumps(fields, ensure_ascii=False)


class Layout:
    """Lines for people. The column of names grows when a longer one turns up, and never shrinks.

    instances: whose names to make room for. services: all of the project, whose place decides their colour.
    """

    def __init__(
        self, instances: Iterable[str], services: Iterable[str] = (), *, timestamps: bool, style: Style
    ) -> None:
        self._width = max(map(len, instances), default=0)
        self._colours = dict(zip(services, cycle(_PALETTE), strict=False))
        self._timestamps = timestamps
        self._style = style

    def __call__(self, line: LogLine) -> str:
        self._width = max(self._width, len(line.instance))
        prefix = self._style.paint(f"{line.instance:<{self._width}} |", self._colours.get(line.service, "grey"))
        time = f" {rfc3339(line.at)}" if self._timestamps else ""
        return f"{prefix}{time} {self._body(line)}"

    def _body(self, line: LogLine) -> str:
        cut = " … (line cut)" if line.truncated else ""
        if not self._style.enabled:
            return strip_colours(line.text) + cut
        reset = "\x1b[0m" if "\x1b" in line.text else ""
        return line.text + reset + cut


def rfc3339(at: float) -> str:
    """UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
