"""What the mesh did with one hop, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.model.flags import flag_words
from sandbox.telemetry.traces.hops import UNDECLARED
from sandbox.telemetry.traces.spans import StoredSpan


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rule allows a request: seconds for all of it, and how many attempts at most. rule: its name, for people;
    "" where no rule chose."""

    timeout: float | None = None
    attempts: int | None = None
    rule: str = ""


LimitsOf = Callable[[str, str], Limits]
"""Of a callee and a rule's name, as they are now."""


def story(hop: StoredSpan, attempts: tuple[StoredSpan, ...], limits_of: LimitsOf) -> str:
    """`rule canary chose v2; attempt 2 of 3 answered, after 503 from pantry-v1-1; 380 ms left of 2 s`."""
    said = hop.attributes
    limits = limits_of(said.get("callee", ""), said.get("rule", ""))
    parts = (
        _undeclared(said),
        _chosen(said, limits.rule),
        _attempts(hop, attempts, limits),
        *_flags(said.get("response_flags", "")),
        _budget(hop, limits),
    )
    return "; ".join(part for part in parts if part)


def time_words(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _undeclared(said: dict[str, str]) -> str:
    return f"nobody declares this call to {said.get('callee', '')}" if said.get("caller") == UNDECLARED else ""


def _chosen(said: dict[str, str], rule: str) -> str:
    version = said.get("version", "")
    if "callee" not in said:
        return "it was led to no service"
    if rule:
        return f"{rule} chose {version}"
    return f"went to {version}" if version not in ("", "*") else ""


def _attempts(hop: StoredSpan, attempts: tuple[StoredSpan, ...], limits: Limits) -> str:
    made = len(attempts) or int(hop.attributes.get("attempts", "1") or 1)
    if made <= 1:
        return ""
    most = max(made, limits.attempts or made)
    how = "failed as well" if hop.error else "answered"
    before = [_outcome(one) for one in attempts[:-1]]
    after = f", after {_listed(before)}" if before else ""
    return f"attempt {made} of {most} {how}{after}"


def _outcome(attempt: StoredSpan) -> str:
    said = attempt.attributes
    who = said.get("instance") or said.get("upstream", "")
    status = said.get("http.status_code", "0")
    what = status if status != "0" else said.get("reason") or said.get("response_flags", "no answer")
    return f"{what} from {who}" if who else what


def _listed(texts: list[str]) -> str:
    """Two alike are one, counted."""
    counted = [f"{text} ({texts.count(text)} times)" if texts.count(text) > 1 else text for text in texts]
    return ", then ".join(dict.fromkeys(counted))


def _flags(flags: str) -> list[str]:
    return [flag_words(flag) for flag in flags.split(",") if flag]


def _budget(hop: StoredSpan, limits: Limits) -> str:
    if limits.timeout is None:
        return ""
    left = limits.timeout - hop.duration
    if left <= 0:
        return f"the limit of {time_words(limits.timeout)} was used up"
    return f"{time_words(left)} left of {time_words(limits.timeout)}"
