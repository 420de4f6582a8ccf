"""`sandbox load`: steady open-loop traffic, and the background trickle."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from sandbox.cli.headers import header_of
from sandbox.cli.lines import Lines
from sandbox.cli.project import talk
from sandbox.control import Control, Trickle, TrickleWish
from sandbox.errors import ExitCode, SandboxError, UsageError
from sandbox.load import words
from sandbox.load.destination import as_caller, callers_of, from_outside, service_named, unreachable
from sandbox.load.plan import MOST_AT_A_TIME, MOST_PER_SECOND, Destination, Plan, check_method
from sandbox.tasks import Tasks

_LIVE_EVERY = 0.5


def run(options: Namespace) -> int:
    if options.trickle is not None:
        return talk(options, lambda control: _trickle(control, options))
    if options.services is None:
        raise UsageError("name a service to ask", hint="such as: sandbox load storefront; or --trickle on")
    _check(options)
    return talk(options, lambda control: _load(control, options))


async def _load(control: Control, options: Namespace) -> int:
    plan = Plan(
        destination=await _destination(control, options.services, options.caller),
        service=options.services,
        per_second=options.rps,
        seconds=options.seconds,
        method=(options.method or ("POST" if options.body else "GET")).upper(),
        path=options.path or "/",
        headers=dict(map(header_of, options.headers)),
        body=_body(options.body),
        at_a_time=options.concurrency,
        timeout=options.timeout,
    )
    return await carry_out(plan, as_json=options.output == "json")


async def _destination(control: Control, name: str, caller: str | None) -> Destination:
    status = await control.status()
    service = service_named(status, name)
    if caller is None and (found := from_outside(status, service)) is not None:
        return found
    if caller in (None, "gateway"):
        callers = callers_of(status, name)
        if caller is not None or not callers:
            raise unreachable(name, callers)
        caller = callers[0]
    assert caller is not None
    environment = (await control.exec_spec(caller, ("true",))).environment
    return as_caller(name, caller, environment)


async def carry_out(plan: Plan, *, as_json: bool) -> int:
    """Until it is done or interrupted; either way with a summary."""
    from sandbox.load.run import Run

    tasks, running, lines = Tasks(), Run(plan), Lines(sys.stderr)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    going = tasks.spawn(running.go(), name="load")
    stopped = tasks.spawn(stop.wait(), name="wait for Ctrl-C")
    while not going.done() and not stop.is_set():
        lines.now(words.live(plan, running.tally, running.seconds))
        await asyncio.wait((going, stopped), timeout=_LIVE_EVERY, return_when=asyncio.FIRST_COMPLETED)
    lines.now("")
    interrupted = not going.done()
    await tasks.close()
    if not interrupted:
        going.result()
    if as_json:
        print(json.dumps(words.as_json(plan, running.tally, running.seconds), indent=2))
    else:
        print("\n".join(words.summary(plan, running.tally, running.seconds)))
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if running.tally.answered else ExitCode.FAILED


# --- options ----------------------------------------------------------------------------------------------------------


def _check(options: Namespace) -> None:
    if not (math.isfinite(options.rps) and 0 < options.rps <= MOST_PER_SECOND):
        hint = f"choose more than 0 and at most {MOST_PER_SECOND:g}; beyond that a benchmark is the better tool"
        raise UsageError(f"can't ask {options.rps:g} times a second", place="--rps", hint=hint)
    if not 0 < options.concurrency <= MOST_AT_A_TIME:
        raise UsageError(
            f"can't have {options.concurrency} requests at a time",
            place="--concurrency",
            hint=f"choose a number from 1 to {MOST_AT_A_TIME}",
        )
    for name, seconds in (("--for", options.seconds), ("--timeout", options.timeout)):
        if seconds <= 0:
            raise UsageError("should be longer than 0", place=name, hint="write it like 30s")
    if options.method is not None:
        check_method(options.method)
    if options.path is not None and not (options.path.startswith("/") and options.path.isprintable()):
        raise UsageError(f"{options.path!r} is no path", place="--path", hint="begin it with /, such as /healthz")


def _body(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise SandboxError(f"can't be read: {error.strerror}", place=text[1:], hint="name a file after @") from error


# --- the trickle ------------------------------------------------------------------------------------------------------


async def _trickle(control: Control, options: Namespace) -> int:
    wish = TrickleWish(
        on=options.trickle == "on",
        service=options.services,
        path=options.path,
        method=(options.method or "GET").upper(),
    )
    found = await control.load.trickle(wish)
    print(json.dumps(asdict(found), indent=2) if options.output == "json" else as_text(found))
    return ExitCode.OK


def as_text(trickle: Trickle) -> str:
    if not trickle.on:
        return "the background traffic is off"
    if not trickle.targets:
        return "the background traffic is on, but no service is public: there is nobody to ask"
    asked = f"{trickle.per_second:g} {'request' if trickle.per_second == 1 else 'requests'}"
    return f"the background traffic is on: {asked} a second, {', '.join(trickle.targets)}"
