"""`sandbox why`: the deepest cause of what is wrong, the facts that show it, and the next step."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict

from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.wrap import width_of, wrapped
from sandbox.control import Cause, Confidence, Control, Diagnosis

_MOST_OTHERS = 5


def run(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        found = await control.diagnosis.why(options.target)
        if options.output == "json":
            print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        else:
            width = width_of(sys.stdout)
            print("\n".join(as_lines(found, Style.of(sys.stdout), width)))
        return 0

    return talk(options, conversation)


def as_lines(found: Diagnosis, style: Style, width: int = 0) -> Iterator[str]:
    """width: of the terminal, 0 for no limit."""
    if found.healthy:
        yield from wrapped(f"{style.paint('✓', 'green')} {found.summary}", width, "  ")
    else:
        first, *others = found.causes
        yield from _first(found, first, style, width)
        yield from _others(others, style, width)
    if found.looked_at:
        yield ""
        yield from wrapped(style.paint(f"looked at: {'; '.join(found.looked_at)}", "grey"), width, "  ")


def _first(found: Diagnosis, cause: Cause, style: Style, width: int) -> Iterator[str]:
    mark = {Confidence.CERTAIN: style.paint("✗", "red"), Confidence.LIKELY: style.paint("~", "yellow")}
    sure = {Confidence.LIKELY: "likely: "}.get(cause.confidence, "")
    yield from wrapped(f"{mark.get(cause.confidence, '?')} {sure}{_strong(cause.message, style)}", width, "  ")
    if len(found.path) > 1:
        yield from wrapped(f"  {' → '.join(found.path)}", width, "    ")
    for fact in cause.facts:
        yield from wrapped(f"  · {fact}", width, "    ")
    if cause.command:
        ours = cause.command.startswith("sandbox ")  # on one line, to be copied
        yield from wrapped(f"  next: {style.paint(cause.command, 'cyan')}", 0 if ours else width, "    ")


def _others(causes: list[Cause], style: Style, width: int) -> Iterator[str]:
    if causes:
        yield ""
        yield "also:"
    for cause in causes[:_MOST_OTHERS]:
        sure = "likely: " if cause.confidence is Confidence.LIKELY else ""
        yield from wrapped(f"  · {sure}{cause.message}", width, "    ")
    if len(causes) > _MOST_OTHERS:
        yield f"  and {len(causes) - _MOST_OTHERS} more (-o json has all)"


def _strong(text: str, style: Style) -> str:
    return style.paint(text, "red", bold=True) if style.enabled else text
