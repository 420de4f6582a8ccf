"""`sandbox why`: the deepest cause of what is wrong, the facts that show it, and the next step."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict

from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.control import Cause, Confidence, Control, Diagnosis

_MOST_OTHERS = 5


def run(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        found = await control.diagnosis.why(options.target)
        if options.output == "json":
            print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        else:
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
            print("\n".join(as_lines(found, Style.of(sys.stdout), width)))
        return 0

    return talk(options, conversation)


def as_lines(found: Diagnosis, style: Style, width: int = 0) -> Iterator[str]:
    """width: of the terminal, 0 for no limit."""
    if found.healthy:
        yield from _wrapped(f"{style.paint('✓', 'green')} {found.summary}", width, "  ")
    else:
        first, *others = found.causes
        yield from _first(found, first, style, width)
        yield from _others(others, style, width)
    if found.looked_at:
        yield ""
        yield from _wrapped(style.paint(f"looked at: {'; '.join(found.looked_at)}", "grey"), width, "  ")


def _first(found: Diagnosis, cause: Cause, style: Style, width: int) -> Iterator[str]:
    mark = {Confidence.CERTAIN: style.paint("✗", "red"), Confidence.LIKELY: style.paint("~", "yellow")}
    sure = {Confidence.LIKELY: "likely: "}.get(cause.confidence, "")
    yield from _wrapped(f"{mark.get(cause.confidence, '?')} {sure}{_strong(cause.message, style)}", width, "  ")
    if len(found.path) > 1:
        yield from _wrapped(f"  {' → '.join(found.path)}", width, "    ")
    for fact in cause.facts:
        yield from _wrapped(f"  · {fact}", width, "    ")
    if cause.command:
        yield from _wrapped(f"  next: {style.paint(cause.command, 'cyan')}", width, "    ")


def _others(causes: list[Cause], style: Style, width: int) -> Iterator[str]:
    if causes:
        yield ""
        yield "also:"
    for cause in causes[:_MOST_OTHERS]:
        sure = "likely: " if cause.confidence is Confidence.LIKELY else ""
        yield from _wrapped(f"  · {sure}{cause.message}", width, "    ")
    if len(causes) > _MOST_OTHERS:
        yield f"  and {len(causes) - _MOST_OTHERS} more (-o json has all)"


def _strong(text: str, style: Style) -> str:
    return style.paint(text, "red", bold=True) if style.enabled else text


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    if not width:
        return [text]
    return textwrap.wrap(text, max(40, width), subsequent_indent=indent, break_on_hyphens=False) or [""]
