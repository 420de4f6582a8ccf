"""Commands that show policies, revisions and what is questionable."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.table import fitted
from sandbox.cli.times import age
from sandbox.cli.traffic.change import diff_lines, finding_line
from sandbox.cli.wrap import width_of, wrapped
from sandbox.control import Control, Finding, Ramp, Revision, ShownRule, TrafficState, Trial
from sandbox.errors import ExitCode, NotFoundError


def get(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        state = await control.traffic.state()
        names = _names(state, getattr(options, "services", ()))
        if options.output == "table":
            print("\n".join(_state_lines(state, names, time.time(), Style.of(sys.stdout))))
        else:
            document: Any = {name: state.policies[name] for name in names if name in state.policies}
            if options.output == "json":
                document = {**asdict(state), "policies": document}
            print_as(options.output, document)
        return 0

    return talk(options, conversation)


def _names(state: TrafficState, wanted: Sequence[str]) -> list[str]:
    known = list(dict.fromkeys([*state.versions, *state.policies]))
    for name in wanted:
        if name not in known:
            raise NotFoundError("no such service", place=name, hint=f"there are {', '.join(known)}")
    return list(wanted) or known


def _state_lines(state: TrafficState, names: Sequence[str], now: float, style: Style) -> Iterator[str]:
    yield f"revision {state.revision}" + (f", not as in the file: {', '.join(state.drift)}" if state.drift else "")
    rows = [row for name in names for row in _rows(name, state.shown.get(name, ()))]
    columns = ("SERVICE", "RULE", "REQUESTS", "GO TO", "AND")
    yield from fitted(columns, rows, width_of(sys.stdout), columns[2:])
    if plain := [name for name in names if not state.shown.get(name)]:
        yield f"without a policy: {', '.join(plain)}"
    if state.trial is not None and state.trial.ended is None:
        yield style.paint(trial_line(state.trial, now), "yellow")
    for ramp in state.ramps:
        yield ramp_line(ramp, now)
    if state.refused:
        yield style.paint(f"what the file says is not in force: {state.refused}", "red")
        yield style.paint("see: sandbox traffic diff", "grey")
    elif state.drift:
        yield style.paint("see: sandbox traffic diff · keep: sandbox traffic save", "grey")


def _rows(name: str, rules: Sequence[ShownRule]) -> Iterator[tuple[str, ...]]:
    for index, rule in enumerate(rules):
        yield name if index == 0 else "", rule.name, rule.requests, rule.goes_to, "; ".join(rule.effects)


def trial_line(trial: Trial, now: float) -> str:
    return f"revision {trial.revision} is tried for {age(trial.ends_at - now)} more: {', '.join(trial.services)}"


def ramp_line(ramp: Ramp, now: float) -> str:
    what = "done" if ramp.step + 1 == len(ramp.steps) else "next step"
    left = f", {what} in {age(ramp.next_at - now)}" if ramp.next_at is not None and ramp.next_at > now else ""
    share = f"step {ramp.step + 1} of {len(ramp.steps)} ({ramp.steps[ramp.step]} %)"
    return f"ramp of {ramp.service} {ramp.version}: {ramp.state}, {share}{left}: {ramp.reason}"


def history(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        revisions = await control.traffic.history(options.limit)
        if options.output != "table":
            print_as(options.output, [asdict(one) for one in revisions])
            return 0
        rows = [_revision_row(one) for one in revisions]
        print(
            "\n".join(fitted(("REVISION", "WHEN", "FROM", "WHAT", "WHY"), rows, width_of(sys.stdout), ("WHAT", "WHY")))
        )
        return 0

    return talk(options, conversation)


def _revision_row(one: Revision) -> tuple[str, ...]:
    when = time.strftime("%m-%d %H:%M:%S", time.localtime(one.at))
    return str(one.number), when, one.origin, one.summary, one.why


def diff(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        if options.number is None:
            text = await control.traffic.drift()
        else:
            text = await control.traffic.diff(options.number, options.against)
        if options.output == "json":
            print(json.dumps({"diff": text}, indent=2, ensure_ascii=False))
        else:
            print("\n".join(diff_lines(text, Style.of(sys.stdout))) or "no difference")
        return 0

    return talk(options, conversation)


def lint(options: Namespace) -> int:
    """Exit code 1 when there is an error among the findings."""

    async def conversation(control: Control) -> int:
        findings = await control.traffic.lint()
        if options.output == "table":
            print("\n".join(finding_lines(findings, Style.of(sys.stdout), width_of(sys.stdout))))
        else:
            print_as(options.output, [asdict(one) for one in findings])
        failed = any(finding.severity == "error" for finding in findings)
        return ExitCode.FAILED if failed else ExitCode.OK

    return talk(options, conversation)


def finding_lines(findings: Sequence[Finding], style: Style, width: int = 0) -> Iterator[str]:
    """width: of the terminal, 0 for no limit."""
    if not findings:
        yield "nothing to object to"
    for finding in findings:
        yield from wrapped(finding_line(finding, style).removeprefix("  "), width, "  ")


def print_as(output: str, document: Mapping[str, Any] | Sequence[Any]) -> None:
    if output == "json":
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    import yaml

    print(yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, allow_unicode=True), end="")
