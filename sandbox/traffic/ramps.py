"""Giving a version more and more of the traffic, and taking it back when it does worse than allowed. Pure.

A step is judged by what the version did since the step began; without a request it is neither good nor bad, so the
ramp waits for traffic instead of going on blindly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.control import Document, GoldenSignals, Origin, Ramp, RampRequest, RampState
from sandbox.errors import UsageError

FEWEST = 10
"""Requests in a step before its share of errors says anything."""

_CONDITION = re.compile(r"\s*(errors|p50|p99)\s*>\s*(\d+(?:\.\d+)?)\s*(%|ms|s)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    signal: str  # errors | p50 | p99
    limit: float  # errors: a ratio; the others milliseconds
    text: str


def conditions(text: str) -> tuple[Condition, ...]:
    """From "errors>1% or p99>500ms". UsageError for anything else."""
    return tuple(_condition(part, text) for part in text.split(" or "))


def _condition(part: str, whole: str) -> Condition:
    found = _CONDITION.fullmatch(part)
    hint = "write it like errors>1%, p99>500ms, or errors>1% or p99>1s"
    if found is None:
        raise UsageError(f"is no condition: {part.strip()!r}", place=f"--abort-if {whole!r}", hint=hint)
    signal, number, unit = found.groups()
    if (unit == "%") is not (signal == "errors"):
        raise UsageError(f"{signal} is not counted in {unit}", place=f"--abort-if {whole!r}", hint=hint)
    scale = {"%": 0.01, "ms": 1.0, "s": 1000.0}[unit]
    return Condition(signal=signal, limit=float(number) * scale, text=re.sub(r"\s", "", part))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRamp:
    """As it is kept on disk, so that a new supervisor goes on with it."""

    request: RampRequest
    back: Document | None  # the service's policy before it began
    put: Document | None = None  # what the step that is in force put there
    others: Mapping[str, int] = field(default_factory=dict)  # weights of the other versions, which share the rest
    step: int = 0
    since: float = 0.0  # when the step came in force, seconds since the epoch
    state: RampState = RampState.RUNNING
    reason: str = ""

    @property
    def share(self) -> int:
        return self.request.steps[self.step]

    @property
    def next_at(self) -> float | None:
        return self.since + self.request.every if self.state is RampState.RUNNING else None

    @property
    def is_running(self) -> bool:
        return self.state is RampState.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do now. `ramp` is what it becomes once that is done."""

    ramp: RunningRamp
    go_on: bool = False  # put the share of its step in force
    go_back: bool = False  # put `back` in force


def checked(request: RampRequest, versions: Sequence[str]) -> tuple[Condition, ...]:
    """UsageError for a ramp that can't be."""
    place = f"{request.service} {request.version}"
    if request.version not in versions:
        raise UsageError("no such version", place=place, hint=f"there are {', '.join(versions)}")
    if len(versions) < 2:
        raise UsageError("there is no other version to take traffic from", place=place)
    steps = request.steps
    if not steps or any(not 0 < step <= 100 for step in steps) or list(steps) != sorted(set(steps)):
        raise UsageError("steps have to grow, from 1 to 100", place=place, hint="for example --steps 5,25,50,100")
    if not 1 <= request.every <= 86400:
        raise UsageError("a step lasts from one second to a day", place=place, hint="for example --every 30s")
    return conditions(request.abort_if)


def weights(ramp: RunningRamp) -> dict[str, int]:
    """Of all versions, so that the others keep their proportions: percentages, else thousandths."""
    own = ramp.share * 10
    whole = sum(ramp.others.values())
    rest = {name: round((1000 - own) * weight / whole) for name, weight in ramp.others.items()} if whole else {}
    thousandths = {**{name: weight for name, weight in rest.items() if weight}, ramp.request.version: own}
    if len(thousandths) == 1:
        return {ramp.request.version: 1}
    exact = all(weight % 10 == 0 for weight in thousandths.values())
    return {name: weight // 10 for name, weight in thousandths.items()} if exact else thousandths


def advise(ramp: RunningRamp, now: float, signals: GoldenSignals | None) -> Advice:
    """signals: of the version since the step came in force; None without traffic."""
    if not ramp.is_running:
        return Advice(ramp=ramp)
    if (reason := _broken(ramp, signals)) is not None:
        return Advice(ramp=replace(ramp, state=RampState.ABORTED, reason=reason), go_back=True)
    if now < ramp.since + ramp.request.every:
        return Advice(ramp=replace(ramp, reason=f"{ramp.share} % for {ramp.request.every:g} s"))
    if signals is None or not signals.requests_per_second:
        return Advice(ramp=replace(ramp, reason=f"{ramp.share} %; it waits for requests to {ramp.request.version}"))
    if ramp.step == len(ramp.request.steps) - 1:
        return Advice(ramp=replace(ramp, state=RampState.DONE, reason=f"{ramp.request.version} has {ramp.share} %"))
    after = replace(ramp, step=ramp.step + 1, since=now)
    return Advice(ramp=replace(after, reason=f"{after.share} % for {ramp.request.every:g} s"), go_on=True)


def _broken(ramp: RunningRamp, signals: GoldenSignals | None) -> str | None:
    if signals is None or signals.requests_per_second * signals.seconds < FEWEST:
        return None
    for condition in conditions(ramp.request.abort_if):
        value = {"errors": signals.error_ratio, "p50": signals.p50, "p99": signals.p99}[condition.signal]
        if value is not None and value > condition.limit:
            seen = f"{value:.1%}" if condition.signal == "errors" else f"{value:.0f} ms"
            return f"{condition.text} at {ramp.share} %: {condition.signal} {seen}"
    return None


def cancelled(ramp: RunningRamp, reason: str) -> RunningRamp:
    return replace(ramp, state=RampState.CANCELLED, reason=reason)


def shown(ramp: RunningRamp, signals: GoldenSignals | None) -> Ramp:
    return Ramp(
        service=ramp.request.service,
        version=ramp.request.version,
        steps=ramp.request.steps,
        step=ramp.step,
        every=ramp.request.every,
        state=ramp.state,
        next_at=ramp.next_at,
        reason=ramp.reason,
        now=signals,
    )


def as_note(ramp: RunningRamp) -> dict[str, Any]:
    """For JSON; `of_note` reads it."""
    request = ramp.request
    asked = {name: getattr(request, name) for name in ("service", "version", "every", "abort_if", "why")}
    return {
        "request": {**asked, "steps": list(request.steps), "match": dict(request.match), "origin": request.origin},
        **{name: getattr(ramp, name) for name in ("back", "put", "step", "since", "state", "reason")},
        "others": dict(ramp.others),
    }


def of_note(note: Mapping[str, Any]) -> RunningRamp:
    """TypeError, KeyError or ValueError for one that nobody of ours wrote."""
    asked = note["request"]
    request = RampRequest(**{**asked, "steps": tuple(asked["steps"]), "origin": Origin(asked["origin"])})
    return RunningRamp(**{**note, "request": request, "state": RampState(note["state"])})
