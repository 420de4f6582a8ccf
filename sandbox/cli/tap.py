"""`sandbox tap`: requests as they happen."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from dataclasses import asdict

from sandbox.cli.logs import one_line
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.waterfall import clipped, short_time
from sandbox.control import Control, TappedRequest, TapQuery
from sandbox.model.flags import FLAGS

_WHO, _PATH = 30, 24


def run(options: Namespace) -> int:
    style = Style.of(sys.stdout)
    query = TapQuery(
        service=options.service,
        caller=options.caller,
        method=options.method,
        path=options.path,
        status=options.status,
        per_second=float(options.rate),
    )

    async def conversation(control: Control) -> int:
        shown = 0
        async for one in control.traces.tap(query):
            for line in (
                [json.dumps(asdict(one), ensure_ascii=False)] if options.output == "json" else lines(one, style)
            ):
                print(line, flush=True)
            shown += 1
            if shown == options.count:
                break
        return 0

    return talk(options, conversation)


def lines(one: TappedRequest, style: Style) -> list[str]:
    """The request, and before it how many were left out."""
    left_out = [style.paint(f"… {one.dropped} more fitted and are left out", "grey")] if one.dropped else []
    return [*left_out, as_line(one, style)]


def as_line(one: TappedRequest, style: Style) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(one.at))
    who = f"{one.caller or '?'} → {one.instance or one.callee or 'nobody'}"
    status = style.paint(str(one.status or "gone"), _colour(one.status))
    tries = f" ({one.attempts} attempts)" if one.attempts > 1 else ""
    flags = "".join(f"; {one_line(FLAGS.get(flag, flag))}" for flag in one.flags.split(",") if flag)
    path = clipped(one_line(f"{one.method} {one.path}"), _PATH)
    took = short_time(one.duration)
    return f"{style.paint(clock, 'grey')} {clipped(who, _WHO)} {path} {status} {took:>8}{tries}{flags}"


def _colour(status: int) -> str:
    if status == 0 or status >= 500:
        return "red"
    return "yellow" if status >= 400 else "green"
