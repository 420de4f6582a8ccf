"""`sandbox start`, `stop`, `restart` and `scale`: wishes that the supervisor records and then fulfils."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from sandbox.cli.project import talk
from sandbox.control import Control
from sandbox.errors import UsageError


def start(options: Namespace) -> int:
    return _ask(options, lambda control: control.start(options.services), "starting")


def stop(options: Namespace) -> int:
    return _ask(options, lambda control: control.stop(options.services), "stopping")


def restart(options: Namespace) -> int:
    return _ask(options, lambda control: control.restart(options.services), "restarting")


def _ask(options: Namespace, wish: Callable[[Control], Awaitable[None]], doing: str) -> int:
    async def conversation(control: Control) -> int:
        await wish(control)
        print(f"{doing} {', '.join(options.services) or 'all services'}")
        return 0

    return talk(options, conversation)


class Wish(NamedTuple):
    service: str
    version: str | None
    replicas: int


def scale(options: Namespace) -> int:
    wishes = parse_wishes(options.wishes)

    async def conversation(control: Control) -> int:
        for wish in wishes:
            await control.scale(wish.service, wish.replicas, wish.version)
            name = f"{wish.service}@{wish.version}" if wish.version else wish.service
            print(f"scaling {name} to {wish.replicas}")
        return 0

    return talk(options, conversation)


def parse_wishes(words: Sequence[str]) -> list[Wish]:
    """From "orders=3" and "steamer@v2=1". UsageError for anything else."""
    return [_wish(word) for word in words]


def _wish(word: str) -> Wish:
    target, equals, number = word.partition("=")
    service, at, version = target.partition("@")
    if not equals or not service or (at and not version) or not (number.isascii() and number.isdigit()):
        raise UsageError(f"{word!r} is not SERVICE=N or SERVICE@VERSION=N", hint="for example `sandbox scale orders=3`")
    return Wish(service, version or None, int(number))
