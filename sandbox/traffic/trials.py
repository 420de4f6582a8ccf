"""A change for a while: when it ends, and what is then put back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.control import Document, GoldenSignals, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTrial:
    """As it is kept on disk, so that whoever comes after a crash can end it."""

    revision: int
    began_at: float  # seconds since the epoch
    ends_at: float
    put: Mapping[str, Document | None]  # by service; None: it has no policy
    back: Mapping[str, Document | None]  # what was in force before
    before: Mapping[str, GoldenSignals] = field(default_factory=dict)

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.put)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    documents: Mapping[str, Document | None]  # of the services that go back
    left: tuple[str, ...]  # that somebody else changed meanwhile: they stay as they are


def begun(
    revision: int,
    before: Mapping[str, Document],
    after: Mapping[str, Document],
    *,
    at: float,
    seconds: float,
    signals: Mapping[str, GoldenSignals],
) -> RunningTrial:
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return RunningTrial(
        revision=revision,
        began_at=at,
        ends_at=at + seconds,
        put={name: after.get(name) for name in changed},
        back={name: before.get(name) for name in changed},
        before=signals,
    )


def way_back(trial: RunningTrial, now: Mapping[str, Document]) -> WayBack:
    """Only what is still as the trial put it goes back."""
    own = [name for name, document in trial.put.items() if now.get(name) == document]
    return WayBack(
        documents={name: trial.back[name] for name in own}, left=tuple(name for name in trial.put if name not in own)
    )


def shown(trial: RunningTrial, now: Mapping[str, GoldenSignals], ended: str | None = None) -> Trial:
    return Trial(
        revision=trial.revision,
        services=trial.services,
        began_at=trial.began_at,
        ends_at=trial.ends_at,
        before=trial.before,
        now=now,
        ended=ended,
    )


def as_note(trial: RunningTrial) -> dict[str, Any]:
    """For JSON; `of_note` reads it."""
    return {
        "revision": trial.revision,
        "began_at": trial.began_at,
        "ends_at": trial.ends_at,
        "put": dict(trial.put),
        "back": dict(trial.back),
        "before": {name: signals_as_note(one) for name, one in trial.before.items()},
    }


def signals_as_note(signals: GoldenSignals) -> dict[str, Any]:
    return {name: getattr(signals, name) for name in ("seconds", "requests_per_second", "error_ratio", "p50", "p99")}


def of_note(note: Mapping[str, Any]) -> RunningTrial:
    """TypeError or KeyError for one that nobody of ours wrote."""
    before = {name: GoldenSignals(**one) for name, one in note["before"].items()}
    return RunningTrial(**{**note, "before": before})
