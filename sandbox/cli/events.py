"""`sandbox events`: what happened, one line each."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections import deque
from dataclasses import asdict

from sandbox.cli.logs import rfc3339
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.control import Control
from sandbox.errors import NotFoundError
from sandbox.events import Event, Severity

_COLOURS = {Severity.INFO: "grey", Severity.WARNING: "yellow", Severity.ERROR: "red"}


def run(options: Namespace) -> int:
    style = Style.of(sys.stdout)

    def show(event: Event) -> None:
        print(as_json(event) if options.output == "json" else as_line(event, style), flush=True)

    async def conversation(control: Control) -> int:
        await _check_names(control, options.services)
        kept: deque[Event] = deque(maxlen=options.tail)
        after = 0
        async for event in control.events():
            after = event.sequence
            if _is_wanted(event, options.services):
                kept.append(event)
        for event in kept:
            show(event)
        if options.follow:
            async for event in control.events(after=after, follow=True):
                if _is_wanted(event, options.services):
                    show(event)
        return 0

    return talk(options, conversation)


async def _check_names(control: Control, services: list[str]) -> None:
    known = [service.name for service in (await control.status()).services] if services else []
    for name in services:
        if name not in known:
            raise NotFoundError("no such service", place=name, hint=f"there are {', '.join(known)}")


def _is_wanted(event: Event, services: list[str]) -> bool:
    return not services or event.service in services


def as_line(event: Event, style: Style) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    return f"{style.paint(clock, 'grey')} {style.paint(event.message, _COLOURS[event.severity])}"


def as_json(event: Event) -> str:
    """One JSON object, for NDJSON."""
    return json.dumps({**asdict(event), "at": rfc3339(event.at)}, ensure_ascii=False)
