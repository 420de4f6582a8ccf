"""Prints the findings; fails when one of them keeps sandbox from working."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict

from sandbox.cli.doctor.checks import Finding, Level, findings
from sandbox.cli.doctor.facts import gather
from sandbox.cli.style import Style
from sandbox.cli.wrap import width_of, wrapped
from sandbox.errors import ExitCode

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def run(options: Namespace) -> int:
    found = list(findings(gather()))
    if options.output == "json":
        print(json.dumps({"findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        print(as_text(found, Style.of(sys.stdout), width_of(sys.stdout)))
    return ExitCode.FAILED if any(finding.level is Level.FAIL for finding in found) else ExitCode.OK


def as_text(found: Sequence[Finding], style: Style, width: int = 0) -> str:
    """width: of the terminal; 0 for no limit."""
    checks = max(len(finding.check) for finding in found)
    margin = " " * (6 + checks + 2)
    room = max(1, width - len(margin)) if width else 0
    lines = []
    for finding in found:
        level = style.paint(f"{finding.level:<4}", _COLOURS[finding.level])
        message = wrapped(finding.message, room, "")
        fix = wrapped(f"fix: {finding.fix}", room, "     ") if finding.fix else []
        lines.append(f"{level}  {finding.check:<{checks}}  {message[0]}")
        lines += [f"{margin}{line}" for line in (*message[1:], *fix)]
    return "\n".join([*lines, "", summary(found)])


def summary(found: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level is level for finding in found) for level in Level}
    if counts[Level.FAIL]:
        return f"{counts[Level.FAIL]} to fix before sandbox works, {counts[Level.WARN]} worth a look"
    if counts[Level.WARN]:
        return f"sandbox works here, {counts[Level.WARN]} worth a look"
    return "everything is fine"
