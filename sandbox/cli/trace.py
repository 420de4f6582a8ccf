"""`sandbox trace`: the way single requests took, and how many of them are kept."""

from __future__ import annotations

import json
import shutil
import sys
import time
from argparse import Namespace
from dataclasses import asdict

from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.table import render
from sandbox.cli.waterfall import NARROW, short_time, waterfall
from sandbox.control import Control, Sampling, TraceQuery, TraceSummary

_SHORT_ID = 12


def run(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        if options.sample is not None:
            await _sample(control, options)
        elif options.id is not None:
            await _one(control, options)
        else:
            await _many(control, options)
        return 0

    return talk(options, conversation)


async def _sample(control: Control, options: Namespace) -> None:
    every = options.sample == "all"
    wanted = None if every else 0.0 if options.sample == "off" else float(options.sample)
    now = await control.traces.sampling(wanted, everything=every)
    print(json.dumps(asdict(now)) if options.output == "json" else in_words(now))


async def _one(control: Control, options: Namespace) -> None:
    trace = await control.traces.get(options.id)
    if options.output == "json":
        print(json.dumps(asdict(trace), indent=2, ensure_ascii=False))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else NARROW
    print("\n".join(waterfall(trace, Style.of(sys.stdout), width)))


async def _many(control: Control, options: Namespace) -> None:
    query = TraceQuery(
        service=options.service,
        route=options.route,
        status=options.status,
        errors=options.errors,
        min_duration=options.min,
        attribute=options.attribute,
        since=options.since,
        until=options.until,
        limit=options.limit,
        slowest=options.slow,
    )
    found = await control.traces.search(query)
    if options.output == "json":
        print(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
    elif found:
        print("\n".join(as_table(found, Style.of(sys.stdout))))
    else:
        print(f"no trace fits; {in_words(await control.traces.sampling())}")


def as_table(found: tuple[TraceSummary, ...], style: Style) -> list[str]:
    rows = [
        (
            time.strftime("%H:%M:%S", time.localtime(one.start)),
            one.id[:_SHORT_ID],
            "" if one.status is None else str(one.status or "gone"),
            short_time(one.duration),
            str(one.spans),
            one.root,
        )
        for one in found
    ]
    failed = {one.id[:_SHORT_ID] for one in found if one.error}

    def paint(column: str, text: str) -> str:
        return style.paint(text, "red") if column == "TRACE" and text.strip() in failed else text

    return render(("TIME", "TRACE", "STATUS", "TOOK", "SPANS", "WHAT"), rows, paint)


def in_words(sampling: Sampling) -> str:
    """In one sentence."""
    if sampling.per_second is None:
        how = "every request is traced"
    elif sampling.per_second == 0:
        how = "no request is traced"
    else:
        now = "every request" if sampling.share >= 1 else f"{sampling.share * 100:.2g} % of requests"
        how = f"up to {sampling.per_second:g} requests a second are traced, at the moment {now}"
    lost = f"; {sampling.dropped} spans could not be kept" if sampling.dropped else ""
    return f"{how}{lost}"
