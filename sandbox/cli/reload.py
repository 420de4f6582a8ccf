"""`sandbox reload`: by hand what a save does, and how it went."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any

from sandbox.cli.project import talk
from sandbox.cli.report import print_error
from sandbox.cli.style import Style
from sandbox.control import Control, ReloadTicket, Status
from sandbox.errors import ExitCode, SandboxError, UsageError
from sandbox.events import Event, ReloadReport


def run(options: Namespace) -> int:
    """Exit code 0 once the new instances of all serve."""

    async def conversation(control: Control) -> int:
        tickets = [await control.reload(*target) for target in await _targets(control, options.services)]
        outcomes = [one async for one in _outcomes(control, tickets, options)]
        if options.output == "json":
            print(json.dumps([_as_json(event) for event in outcomes], indent=2))
        failed = any(event.reload and event.reload.error for event in outcomes)
        return ExitCode.FAILED if failed else ExitCode.OK

    return talk(options, conversation)


async def _targets(control: Control, words: Sequence[str]) -> list[tuple[str, str | None]]:
    """From "orders" and "steamer@v2"; every service that runs when none is named."""
    if words:
        return [_target(word) for word in words]
    services = (await control.status()).services
    return [(service.name, None) for service in services if service.status is not Status.STOPPED]


def _target(word: str) -> tuple[str, str | None]:
    service, at, version = word.partition("@")
    if not service or (at and not version):
        raise UsageError(f"{word!r} is not SERVICE or SERVICE@VERSION", hint="for example `sandbox reload orders`")
    return service, version or None


async def _outcomes(control: Control, tickets: Sequence[ReloadTicket], options: Namespace) -> AsyncIterator[Event]:
    """What each led to, as it becomes known; for people it is printed at once."""
    left = {(ticket.service, version): least for ticket in tickets for version, least in ticket.generations.items()}
    after = min((ticket.after for ticket in tickets), default=0)
    try:
        async with asyncio.timeout(options.timeout):
            async for event in _reports(control, left, after):
                if options.output != "json":
                    _print(event)
                yield event
    except TimeoutError:
        service, version = next(iter(left))
        reason = await _reason(control, service)
        raise SandboxError(
            f"{version} was not reloaded within {options.timeout:g} s{reason}",
            place=service,
            hint=f"see: sandbox logs {service}",
        ) from None


async def _reports(control: Control, left: dict[tuple[str, str], int], after: int) -> AsyncIterator[Event]:
    """Takes out of `left` what is reported. A later reload that took the place of one counts for it."""
    if not left:
        return
    async for event in control.events(after=after, follow=True):
        key = (event.service or "", event.reload.version if event.reload else "")
        if event.reload is not None and event.reload.generation >= left.get(key, sys.maxsize):
            del left[key]
            yield event
        if not left:
            return


async def _reason(control: Control, service: str) -> str:
    found = next((one for one in (await control.status()).services if one.name == service), None)
    return f": {found.reason}" if found is not None and found.reason else ""


def _print(event: Event) -> None:
    error = event.reload.error if event.reload else None
    if error is None:
        print(f"{Style.of(sys.stdout).paint('✓', 'green', bold=True)} {event.message}", flush=True)
        return
    for line in event.detail.splitlines():
        print(f"  {line}", file=sys.stderr)
    print_error(SandboxError(error, place=event.service or "", hint=f"see: sandbox logs {event.service}"))


def _as_json(event: Event) -> dict[str, Any]:
    assert isinstance(event.reload, ReloadReport)
    return {"service": event.service, **asdict(event.reload)}
