"""A tally as people and as scripts read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.load.plan import Plan
from sandbox.load.tally import LATE, Outcome, Tally

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def live(plan: Plan, tally: Tally, seconds: float) -> str:
    """One line while it runs."""
    parts = [
        f"{seconds:.0f} s of {plan.seconds:g} s",
        f"{tally.sent / seconds if seconds else 0.0:.1f}/s",
        f"{tally.sent} answered" if tally.sent == tally.answered else f"{tally.answered} of {tally.sent} answered",
    ]
    if tally.failed:
        parts.append(f"{tally.failed} failed")
    parts += [f"{name} {_ms(found)}" for name, found in quantiles(tally).items() if found is not None]
    return " · ".join(parts)


def quantiles(tally: Tally) -> dict[str, float | None]:
    return {name: tally.latencies.quantile(share) for name, share in QUANTILES.items()}


def summary(plan: Plan, tally: Tally, seconds: float) -> Iterator[str]:
    rate = tally.sent / seconds if seconds else 0.0
    yield (
        f"{plan.method} {plan.path} of {plan.service} {plan.destination.way}: "
        f"{tally.sent} requests in {seconds:.1f} s, {rate:.1f}/s of {plan.per_second:g}/s"
    )
    for outcome, count in sorted(tally.outcomes.items(), key=lambda one: -one[1]):
        yield f"  {_outcome(outcome):<28}{count:>8}  {count / tally.sent:>6.1%}"
    if tally.answered:
        found = " · ".join(f"{name} {_ms(value)}" for name, value in quantiles(tally).items() if value is not None)
        yield f"  latency  {found} · max {_ms(tally.latencies.longest)}, from the moment each was meant to start"
    yield from _trouble(plan, tally)


def _trouble(plan: Plan, tally: Tally) -> Iterator[str]:
    if tally.late:
        yield (
            f"  {tally.late} started more than {LATE * 1000:g} ms late, the latest by {_ms(tally.latest)}: "
            f"{plan.at_a_time} at a time are not enough, or the machine is busy"
        )
    if tally.not_sent:
        yield f"  {tally.not_sent} were not sent: too many waited already; ask for fewer (--rps)"
    if tally.unfinished:
        yield f"  {tally.unfinished} had no answer yet when it ended"


def as_json(plan: Plan, tally: Tally, seconds: float) -> dict[str, Any]:
    """Times are milliseconds."""
    found = quantiles(tally)
    return {
        "service": plan.service,
        "caller": plan.destination.caller,
        "method": plan.method,
        "path": plan.path,
        "seconds": round(seconds, 3),
        "asked_per_second": plan.per_second,
        "per_second": round(tally.sent / seconds, 3) if seconds else 0.0,
        "requests": tally.sent,
        "failed": tally.failed,
        "outcomes": [
            {"status": outcome.status, "flag": outcome.flag or None, "count": count}
            for outcome, count in sorted(tally.outcomes.items(), key=lambda one: -one[1])
        ],
        "latency": {
            **{name: None if value is None else round(value * 1000, 3) for name, value in found.items()},
            "max": round(tally.latencies.longest * 1000, 3) if tally.answered else None,
        },
        "late": tally.late,
        "latest": round(tally.latest * 1000, 3),
        "not_sent": tally.not_sent,
        "unfinished": tally.unfinished,
    }


def _outcome(outcome: Outcome) -> str:
    if outcome.status is None:
        return outcome.flag
    return f"{outcome.status} ({outcome.flag} by the proxy)" if outcome.flag else str(outcome.status)


def _ms(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
