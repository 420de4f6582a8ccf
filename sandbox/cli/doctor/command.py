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
from sandbox.errors import ExitCode

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def run(options: Namespace) -> int:
    found = list(findings(gather()))
    if options.output == "json":
        print(json.dumps({"findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        print(as_text(found, Style.of(sys.stdout)))
    return ExitCode.FAILED if any(finding.level is Level.FAIL for finding in found) else ExitCode.OK


def as_text(found: Sequence[Finding], style: Style) -> str:
    width = max(len(finding.check) for finding in found)
    lines = []
    for finding in found:
        level = style.paint(f"{finding.level:<4}", _COLOURS[finding.level])
        lines.append(f"{level}  {finding.check:<{width}}  {finding.message}")
        if finding.fix:
            lines.append(f"{'':<6}{'':<{width}}  fix: {finding.fix}")
    return "\n".join([*lines, "", summary(found)])


def summary(found: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level is level for finding in found) for level in Level}
    if counts[Level.FAIL]:
        return f"{counts[Level.FAIL]} to fix before sandbox works, {counts[Level.WARN]} worth a look"
    if counts[Level.WARN]:
        return f"sandbox works here, {counts[Level.WARN]} worth a look"
    return "everything is fine"
