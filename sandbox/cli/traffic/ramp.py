"""`sandbox traffic ramp`: more and more requests for a version, and back when it does badly."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from argparse import Namespace
from dataclasses import asdict

from sandbox.cli.lines import Lines
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.traffic.edits import match_of
from sandbox.cli.traffic.look import ramp_line
from sandbox.control import Control, Origin, Ramp, RampRequest, RampState
from sandbox.errors import ExitCode, UsageError

_LOOKS = 1.0
_COLOURS = {RampState.DONE: "green", RampState.ABORTED: "red", RampState.CANCELLED: "yellow"}


def run(options: Namespace) -> int:
    """Exit code 1 when it was aborted."""
    request = None if options.end else _request(options)

    async def conversation(control: Control) -> int:
        if request is None:
            ramp = await control.traffic.end_ramp(options.service)
        else:
            ramp = await control.traffic.start_ramp(request)
            if not options.detach:
                ramp = await _followed(control, ramp, quiet=options.output == "json")
        _show(ramp, options)
        return ExitCode.FAILED if ramp.state is RampState.ABORTED else ExitCode.OK

    return talk(options, conversation)


def _request(options: Namespace) -> RampRequest:
    if options.version is None:
        raise UsageError("name the version", hint=f"for example: sandbox traffic ramp {options.service} v2")
    return RampRequest(
        service=options.service,
        version=options.version,
        steps=options.steps,
        every=options.every,
        abort_if=options.abort_if,
        match=match_of(options),
        origin=Origin.CLI,
        why=options.why,
        if_revision=options.if_revision,
    )


async def _followed(control: Control, ramp: Ramp, *, quiet: bool) -> Ramp:
    lines, step = Lines(sys.stderr if quiet else sys.stdout), -1
    try:
        while ramp.state is RampState.RUNNING:
            if ramp.step != step and not quiet:
                lines.say(f"{ramp.steps[ramp.step]} % of {ramp.service} go to {ramp.version}")
            step = ramp.step
            lines.now(f"{ramp_line(ramp, time.time())}{_signals(ramp)}")
            await asyncio.sleep(_LOOKS)
            found = [one for one in (await control.traffic.state()).ramps if one.service == ramp.service]
            ramp = found[0] if found else ramp
    except asyncio.CancelledError:
        lines.now("")
        lines.say(f"it goes on by itself; end it: sandbox traffic ramp {ramp.service} --end")
        raise
    lines.now("")
    return ramp


def _signals(ramp: Ramp) -> str:
    if ramp.now is None:
        return ""
    return f" · {ramp.now.requests_per_second:.1f}/s, errors {ramp.now.error_ratio:.1%}"


def _show(ramp: Ramp, options: Namespace) -> None:
    if options.output == "json":
        print(json.dumps(asdict(ramp), indent=2, ensure_ascii=False))
        return
    style = Style.of(sys.stdout)
    if ramp.state is RampState.RUNNING:
        print(ramp_line(ramp, time.time()))
        return
    state = style.paint(ramp.state, _COLOURS[ramp.state], bold=True)
    print(f"{state}: {ramp.service} {ramp.version}: {ramp.reason}")
    if ramp.state is RampState.ABORTED:
        print("all goes where it went before")
