"""Commands that change policies, and what they say: was → is, the revision, the way back."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.times import age
from sandbox.cli.traffic.edits import FORMS
from sandbox.cli.traffic.policyfile import PolicyFile, policies_of, said
from sandbox.cli.wrap import width_of, wrapped
from sandbox.control import Change, ChangeResult, Control, Finding, Origin, Rerouted

_COLOURS = {"error": "red", "warning": "yellow", "info": "grey"}


def make(options: Namespace, wish: PolicyFile) -> int:
    """Put it in force, or with `dry_run` say what would change."""
    change = Change(
        edits=wish.edits,
        origin=Origin.CLI,
        why=options.why,
        if_revision=options.if_revision,
        dry_run=options.dry_run,
    )

    async def conversation(control: Control) -> int:
        result = await wish.located(control.traffic.change(change))
        show(result, options, dry_run=change.dry_run)
        return 0

    return talk(options, conversation)


def _form(name: str) -> Callable[[Namespace], int]:
    return lambda options: make(options, said(name, options))


split, route, fault, timeout, retry, limit, mirror, allow, deny, clear = map(_form, FORMS[:-1])
set = _form("set")


def apply(options: Namespace) -> int:
    return make(options, policies_of(options.policy, options))


def rollback(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        back = control.traffic.rollback(options.number, Origin.CLI, options.why, options.if_revision, options.dry_run)
        show(await back, options, dry_run=options.dry_run)
        return 0

    return talk(options, conversation)


def save(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        saved = await control.traffic.save(options.services)
        if options.output == "json":
            print(json.dumps(asdict(saved), indent=2))
        elif saved.file is None:
            print("the file says so already")
        else:
            print(f"{_tick()} {saved.file} says now what is in force of {', '.join(saved.services)}")
            for fault in saved.faults:
                print(finding_line(replace(fault, severity="warning"), Style.of(sys.stdout)))
        return 0

    return talk(options, conversation)


# --- what is said -----------------------------------------------------------------------------------------------------


def show(result: ChangeResult, options: Namespace, *, dry_run: bool = False) -> None:
    if options.output == "json":
        print(json.dumps(asdict(result), indent=2, ensure_ascii=False))
        return
    lines = _lines(result, Style.of(sys.stdout), width_of(sys.stdout), dry_run=dry_run)
    print("\n".join(lines))


def _lines(result: ChangeResult, style: Style, width: int, *, dry_run: bool) -> Iterator[str]:
    if not result.changed:
        yield "nothing changes: this is in force already"
        return
    if result.revision is not None:
        tick = style.paint("✓", "green", bold=True)
        yield from wrapped(f"{tick} revision {result.revision.number}: {result.revision.summary}", width, "  ")
    if dry_run:
        yield from (_coloured(line, style) for line in result.diff.splitlines())
    if result.what_if is not None and result.what_if.requests:
        yield from wrapped(f"  {_rerouted(result.what_if, dry_run=dry_run)}", width, "    ")
    for finding in result.findings:
        yield from wrapped(finding_line(finding, style), width, "    ")
    if dry_run:
        yield "  nothing was changed (--dry-run)"
        yield f"  {style.paint(f'just this, and nothing else meanwhile: --if-revision {result.against}', 'grey')}"
    else:
        yield f"  {style.paint('back: sandbox traffic rollback', 'grey')}"


def _rerouted(found: Rerouted, *, dry_run: bool) -> str:
    of = f"of the last {found.requests} requests ({age(found.seconds)})"
    if not found.moved:
        return f"{of} none {'would go' if dry_run else 'would have gone'} elsewhere"
    ways = ", ".join(f"{count} {source} → {target}" for source, target, count in found.moved[:3])
    more = f" and {len(found.moved) - 3} more ways" if len(found.moved) > 3 else ""
    return f"{of}, {'would go' if dry_run else 'would have gone'} elsewhere: {ways}{more}"


def _coloured(line: str, style: Style) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return style.paint(line, colour) if colour else line


def diff_lines(diff: str, style: Style) -> list[str]:
    return [_coloured(line, style) for line in diff.splitlines()]


def finding_line(finding: Finding, style: Style) -> str:
    hint = f" ({finding.hint})" if finding.hint else ""
    severity = style.paint(finding.severity, _COLOURS.get(finding.severity, "grey"))
    return f"  {severity} {finding.place}: {finding.message}{hint}"


def _tick() -> str:
    return Style.of(sys.stdout).paint("✓", "green", bold=True)
