"""`sandbox logs`: what services print, each line behind the name of its instance."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import cycle

from sandbox.cli.figures import size
from sandbox.cli.project import talk
from sandbox.cli.style import Style, strip_colours
from sandbox.cli.table import render
from sandbox.control import Control, LogLevel, LogLine, LogQuery

_OF_LEVEL = {LogLevel.WARNING: "yellow", LogLevel.ERROR: "red", LogLevel.FATAL: "red"}
_PALETTE = ("cyan", "green", "yellow", "magenta", "blue")


def run(options: Namespace) -> int:
    return talk(options, lambda control: _print_counts(control, options)) if options.counts else _print_lines(options)


async def _print_counts(control: Control, options: Namespace) -> int:
    counts = [one for one in await control.log_counts() if not options.services or one.service in options.services]
    if options.output == "json":
        print(json.dumps([asdict(one) for one in counts], indent=2))
        return 0
    rows = [[one.instance, *map(size, (one.written, one.dropped, one.held))] for one in counts]
    print("\n".join(render(("INSTANCE", "WRITTEN", "DROPPED", "HELD"), rows)))
    return 0


def _print_lines(options: Namespace) -> int:
    query = LogQuery(
        services=tuple(options.services),
        tail=options.tail,
        follow=options.follow,
        since=options.since,
        until=options.until,
        instances=tuple(options.instances),
        levels=_levels(options.level),
        grep=options.grep,
        trace=options.trace,
    )

    async def print_lines(control: Control) -> int:
        as_text = as_json if options.output == "json" else await _layout(control, options)
        found = False
        async for line in control.logs(query):
            found = True
            sys.stdout.write(as_text(line) + "\n")
            sys.stdout.flush()
        if not found and options.output != "json":
            sys.stderr.write(_nothing(query) + "\n")
        return 0

    return talk(options, print_lines)


def _nothing(query: LogQuery) -> str:
    return f"no line fits{'; lines that name no level are not looked at with --level' if query.levels else ''}"


def _levels(least: str | None) -> tuple[LogLevel, ...]:
    """It and the more urgent ones."""
    if least is None:
        return ()
    levels = list(LogLevel)
    return tuple(levels[levels.index(LogLevel(least)) :])


async def _layout(control: Control, options: Namespace) -> Callable[[LogLine], str]:
    status = await control.status()
    chosen = [service for service in status.services if not options.services or service.name in options.services]
    names = [instance.id for service in chosen for instance in service.instances]
    services = [service.name for service in status.services]
    style = Style.of(sys.stdout)
    return Layout(names, services, timestamps=options.timestamps, raw=options.raw, style=style)


def as_json(line: LogLine) -> str:
    """One JSON object, for NDJSON."""
    fields = {
        "at": rfc3339(line.at),
        "service": line.service,
        "instance": line.instance,
        "text": strip_colours(line.text),
        "truncated": line.truncated,
        "level": line.level,
        "trace": line.trace,
        "message": line.message,
        "fields": dict(line.fields),
    }
    return json.dumps(fields, ensure_ascii=False)


class Layout:
    """Lines for people. The column of names grows when a longer one turns up, and never shrinks.

    instances: whose names to make room for. services: all of the project, whose place decides their colour.
    """

    def __init__(
        self,
        instances: Iterable[str],
        services: Iterable[str] = (),
        *,
        timestamps: bool,
        style: Style,
        raw: bool = False,
    ) -> None:
        self._width = max(map(len, instances), default=0)
        self._colours = dict(zip(services, cycle(_PALETTE), strict=False))
        self._timestamps = timestamps
        self._style = style
        self._raw = raw

    def __call__(self, line: LogLine) -> str:
        self._width = max(self._width, len(line.instance))
        prefix = self._style.paint(f"{line.instance:<{self._width}} |", self._colours.get(line.service, "grey"))
        time = f" {rfc3339(line.at)}" if self._timestamps else ""
        return f"{prefix}{time} {self._body(line)}"

    def _body(self, line: LogLine) -> str:
        cut = " … (line cut)" if line.truncated else ""
        if line.message is not None and not self._raw:
            return self._structured(line) + cut
        if not self._style.enabled:
            return strip_colours(line.text) + cut
        reset = "\x1b[0m" if "\x1b" in line.text else ""
        return self._by_level(line.text + reset, line.level) + cut

    def _structured(self, line: LogLine) -> str:
        """The message of a JSON line, with what else it says behind."""
        level = f"{line.level.upper():<7} " if line.level is not None else ""
        rest = " ".join(f"{one_line(name)}={_value(value)}" for name, value in line.fields.items())
        said = self._by_level(f"{level}{one_line(line.message or '')}", line.level)
        return f"{said}  {self._style.paint(rest, 'grey')}" if rest else said

    def _by_level(self, text: str, level: LogLevel | None) -> str:
        colour = _OF_LEVEL.get(level) if level is not None else None
        return self._style.paint(text, colour) if colour is not None and "\x1b" not in text else text


def _value(value: object) -> str:
    """As logfmt has it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    needs_quotes = isinstance(value, str) and (not text or " " in text or not text.isprintable())
    return one_line(json.dumps(text, ensure_ascii=False) if needs_quotes else text)


def one_line(text: str) -> str:
    """A message out of JSON may have had line ends and control characters in it."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def rfc3339(at: float) -> str:
    """UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
