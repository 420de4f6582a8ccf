"""`sandbox traffic try`: a change for a while, with the golden signals before and since."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict

from sandbox.cli.lines import Lines
from sandbox.cli.project import talk
from sandbox.cli.style import Style
from sandbox.cli.table import render
from sandbox.cli.times import age, duration
from sandbox.cli.traffic.change import make
from sandbox.cli.traffic.edits import FORMS
from sandbox.cli.traffic.policyfile import PolicyFile, policies_of, said
from sandbox.control import Change, Control, GoldenSignals, Origin, Trial
from sandbox.errors import UsageError

_LOOKS = 1.0
_HINT = "for example: sandbox traffic try --for 60s retry pantry 2 --codes 503"


def run(options: Namespace) -> int:
    if options.end or options.keep:
        return _end(options)
    wish = _wish(options)
    if options.dry_run:
        return make(options, wish)

    async def conversation(control: Control) -> int:
        change = Change(edits=wish.edits, origin=Origin.CLI, why=options.why, if_revision=options.if_revision)
        trial = await wish.located(control.traffic.start_trial(change, options.seconds))
        if options.output != "json":
            print(f"revision {trial.revision} is in force for {age(options.seconds)}, then all is as before")
        if not options.detach:
            trial = await _followed(control, trial, quiet=options.output == "json")
        _show(trial, options)
        return 0

    return talk(options, conversation)


def _end(options: Namespace) -> int:
    async def conversation(control: Control) -> int:
        _show(await control.traffic.end_trial(options.keep), options)
        return 0

    return talk(options, conversation)


# --- what is tried ----------------------------------------------------------------------------------------------------


def _wish(options: Namespace) -> PolicyFile:
    """From a short form or a file. Options of `try` itself may stand behind it, too."""
    words = list(options.words)
    if not words:
        raise UsageError("name a file or a change to try", hint=_HINT)
    if words[0] in FORMS:
        return _short_form(_taken(words, options), options)
    _options_behind(words, options)
    return policies_of(words[0], options)


def _options_behind(words: Sequence[str], options: Namespace) -> None:
    """What stands behind the file's name counts as if it stood before."""
    from sandbox.cli.parser import descend, read

    command, _ = descend(["traffic", "try"])
    said, nothing = read(command, words[1:]), read(command, [])
    if said.words:
        raise UsageError(f"{words[0]} is neither a file alone nor a change", hint=_HINT)
    for name, value in vars(said).items():
        if name != "words" and value != getattr(nothing, name, None):
            setattr(options, name, value)


def _taken(words: list[str], options: Namespace) -> list[str]:
    """Without `--for TIME` and `--detach`, which no short form has."""
    rest: list[str] = []
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name == "--for":
            options.seconds = _time(value if equals else (words.pop(0) if words else ""))
        elif word in ("-d", "--detach"):
            options.detach = True
        else:
            rest.append(word)
    return rest


def _time(text: str) -> float:
    try:
        return duration(text)
    except ArgumentTypeError as error:
        raise UsageError(f"argument --for: {error}", hint=_HINT) from None


def _short_form(words: Sequence[str], options: Namespace) -> PolicyFile:
    from sandbox.cli.parser import descend, read

    command, rest = descend(["traffic", *words])
    form = read(command, rest)
    for name in ("project", "files"):
        if getattr(form, name, None):
            setattr(options, name, getattr(form, name))
    options.why = form.why or options.why
    options.dry_run = form.dry_run or options.dry_run
    options.if_revision = form.if_revision if options.if_revision is None else options.if_revision
    options.output = "json" if "json" in (form.output, options.output) else options.output
    return said(words[0], form)


# --- what is seen -----------------------------------------------------------------------------------------------------


async def _followed(control: Control, trial: Trial, *, quiet: bool) -> Trial:
    """Until it has ended. Interrupted, it says how it goes on."""
    lines = Lines(sys.stderr if quiet else sys.stdout)
    try:
        while trial.ended is None:
            lines.now(f"{age(trial.ends_at - time.time())} left · {' · '.join(_in_short(trial))}")
            await asyncio.sleep(min(_LOOKS, max(0.05, trial.ends_at - time.time())))
            now = (await control.traffic.state()).trial
            if now is None or now.revision != trial.revision:
                break
            trial = now
    except asyncio.CancelledError:
        lines.now("")
        lines.say(f"it goes on and ends by itself in {age(trial.ends_at - time.time())}")
        lines.say("now: sandbox traffic try --end · for good: sandbox traffic try --keep")
        raise
    lines.now("")
    return trial


def _in_short(trial: Trial) -> list[str]:
    return [
        f"{name} {one.requests_per_second:.1f}/s, errors {one.error_ratio:.1%}, p99 {_ms(one.p99)}"
        for name, one in trial.now.items()
    ]


def _show(trial: Trial, options: Namespace) -> None:
    if options.output == "json":
        print(json.dumps(asdict(trial), indent=2, ensure_ascii=False))
        return
    print("\n".join(table(trial)))
    if not (trial.before or trial.now):
        print("nobody sent requests; a little traffic: sandbox load --trickle on")
    if trial.ended is not None:
        colour = "green" if trial.ended.startswith("kept") else "cyan"
        print(Style.of(sys.stdout).paint(trial.ended, colour))


def table(trial: Trial) -> list[str]:
    rows = [
        _row(name, when, signals.get(name))
        for name in dict.fromkeys([*trial.services, *trial.before, *trial.now])
        for when, signals in (("before", trial.before), ("since", trial.now))
    ]
    return render(("SERVICE", "", "REQUESTS/S", "ERRORS", "P50", "P99"), rows)


def _row(name: str, when: str, signals: GoldenSignals | None) -> tuple[str, ...]:
    if signals is None or not signals.requests_per_second:
        return name, when, "none", "", "", ""
    ratio = f"{signals.error_ratio:.1%}"
    return name, when, f"{signals.requests_per_second:.1f}", ratio, _ms(signals.p50), _ms(signals.p99)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
