"""`sandbox events`: what happened, one line each."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches

from sandbox.cli.logs import rfc3339
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.wrap import width_of, wrapped
from sandbox.control import Control
from sandbox.errors import NotFoundError, UsageError
from sandbox.events import Event, Kind, Severity

_COLOURS = {Severity.INFO: "grey", Severity.WARNING: "yellow", Severity.ERROR: "red"}


def run(options: Namespace) -> int:
    style = Style.of(sys.stdout)

    def show(event: Event) -> None:
        json_only = options.output == "json"
        print(as_json(event) if json_only else as_text(event, style, width_of(sys.stdout)), flush=True)

    kinds = chosen(options.kinds)

    def is_wanted(event: Event) -> bool:
        return (
            (not options.services or event.service in options.services)
            and (kinds is None or event.kind in kinds)
            and (options.since is None or event.at >= options.since)
        )

    async def conversation(control: Control) -> int:
        await _check_names(control, options.services)
        kept: deque[Event] = deque(maxlen=options.tail)
        after = 0
        async for event in control.events():
            after = event.sequence
            if is_wanted(event):
                kept.append(event)
        for event in kept:
            show(event)
        if options.follow:
            async for event in control.events(after=after, follow=True):
                if is_wanted(event):
                    show(event)
        return 0

    return talk(options, conversation)


async def _check_names(control: Control, services: list[str]) -> None:
    known = [service.name for service in (await control.status()).services] if services else []
    for name in services:
        if name not in known:
            raise NotFoundError("no such service", place=name, hint=f"there are {', '.join(known)}")


def chosen(words: Sequence[str]) -> frozenset[Kind] | None:
    """Kinds by their names or by the first word of them: `alert` is alert_firing and alert_resolved. None for all.

    Raises UsageError for a word that is neither.
    """
    if not words:
        return None
    found: set[Kind] = set()
    for word in (part for text in words for part in text.split(",")):
        fitting = {kind for kind in Kind if kind == word or kind.startswith(f"{word}_")}
        if not fitting:
            near = get_close_matches(word, [*families(), *Kind], n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(families())}"
            raise UsageError("no such kind of event", place=f"--kind {word}", hint=hint)
        found |= fitting
    return frozenset(found)


def families() -> list[str]:
    return sorted({kind.partition("_")[0] for kind in Kind})


def as_text(event: Event, style: Style, width: int) -> str:
    """width: of the terminal, 0 for no limit."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    first, *more = wrapped(f"{clock} {event.message}", width, " " * (len(clock) + 1))
    lines = [first.removeprefix(clock).lstrip(), *more]
    told = "\n".join(style.paint(line, _COLOURS[event.severity]) for line in lines)
    return f"{style.paint(clock, 'grey')} {told}"


def as_json(event: Event) -> str:
    """One JSON object, for NDJSON."""
    return json.dumps({**asdict(event), "at": rfc3339(event.at)}, ensure_ascii=False)
