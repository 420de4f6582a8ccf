"""`sandbox top`: what each instance uses of the machine."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict

from sandbox.cli.figures import NONE, cores, size
from sandbox.cli.project import talk
from sandbox.cli.repeat import shown
from sandbox.cli.stat import chosen_services
from sandbox.cli.style import Style
from sandbox.cli.table import render
from sandbox.control import Control, InstanceUsage

_COLUMNS = ("INSTANCE", "CPU", "MEMORY", "LIMIT", "OF LIMIT", "FILES", "RESTARTS")

NEAR_LIMIT = 0.9
"""Share of the memory limit from which it is red."""


def run(options: Namespace) -> int:
    style = Style.of(sys.stdout)

    async def conversation(control: Control) -> int:
        async def text() -> str:
            chosen = chosen_services(await control.status(), options.services)
            found = [one for one in await control.metrics.usage() if one.service in chosen]
            ordered = in_order(found, options.sort)
            if options.output == "json":
                return json.dumps([asdict(one) for one in ordered], indent=None if options.watch else 2) + "\n"
            return as_table(ordered, style)

        return await shown(text, again=options.watch)

    return talk(options, conversation)


def in_order(found: Sequence[InstanceUsage], by: str) -> list[InstanceUsage]:
    """by: name, or what there is most of: cpu, memory."""
    keys = {"cpu": lambda one: -one.cpu, "memory": lambda one: -one.memory, "name": lambda one: one.instance}
    return sorted(sorted(found, key=lambda one: one.instance), key=keys[by])


def as_table(found: Sequence[InstanceUsage], style: Style) -> str:
    if not found:
        return "nothing has been measured yet: instances are looked at every few seconds\n"

    def paint(column: str, text: str) -> str:
        if column == "OF LIMIT" and text.strip().endswith("%"):
            return style.paint(text, "red") if float(text.strip().rstrip("%")) >= NEAR_LIMIT * 100 else text
        return style.paint(text, "grey") if text.strip() in (NONE, "0", "0%") else text

    return "".join(f"{line}\n" for line in render(_COLUMNS, [_row(one) for one in found], paint))


def _row(one: InstanceUsage) -> tuple[str, ...]:
    return (
        one.instance,
        cores(one.cpu),
        size(one.memory),
        size(one.memory_limit) if one.memory_limit else "",
        f"{one.memory / one.memory_limit * 100:.0f}%" if one.memory_limit else "",
        NONE if one.open_files is None else str(one.open_files),
        str(one.restarts),
    )
