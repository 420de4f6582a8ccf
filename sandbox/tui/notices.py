"""What stands above every screen until it is over: absence, held-back saves, alerts, trials and ramps. Pure."""

from __future__ import annotations

from dataclasses import replace

from sandbox.control import Alert, Confidence, Diagnosis, GoldenSignals, Ramp, RampState, TrafficState, Trial
from sandbox.tui import words
from sandbox.tui.causes import undone_by
from sandbox.tui.picture import Picture
from sandbox.tui.words import Tone

Said = tuple[str, Tone]

_TRIAL_KEYS = " · K keep · B back now"
_RAMP_KEYS = " · B ends it"


def notices(picture: Picture, now: float) -> dict[str, Said]:
    """By the name of the line; an empty text for what is not the case."""
    status = picture.status
    return {
        "away": (f"{'■' if picture.ended else '▲'} {picture.away}" if picture.away else "", Tone.BUSY),
        "watch": (words.watch(status.watch) if status else "", Tone.BUSY),
        "warning": (words.warning(status) if status else "", Tone.BUSY),
        "alert": alert_line(picture),
        "trial": steering_line(picture.traffic, now, looks_only=picture.looks_only),
    }


def alert_line(picture: Picture) -> Said:
    """The worst one, how many more there are, what it comes from, and the keys that lead on."""
    firing = picture.firing
    if not firing:
        return "", Tone.PLAIN
    worst, more = firing[0], len(firing) - 1
    count = f"(1 of {more + 1}) " if more else ""
    found = _about(picture.diagnosis, worst) if picture.diagnosis else None
    traffic, because = picture.traffic, because_words(found) if found else ""
    newest = undone_by(traffic.newest if traffic else None, found, picture.telemetry)
    undo = f" · u undoes revision {newest.number}" if newest and not picture.looks_only else ""
    return f"✗ {count}{worst.subject}: {worst.message}{because} · y why{undo}", Tone.BAD


def _about(diagnosis: Diagnosis, alert: Alert) -> Diagnosis | None:
    """With the one cause that explains this alert: that of its own subject, else the first; None where the subject is
    not even on the way to what was found."""
    subject = set(alert.subject.split())
    if not diagnosis.causes or not subject & {*diagnosis.path, *(cause.service for cause in diagnosis.causes)}:
        return None
    cause = next((one for one in diagnosis.causes if one.service in subject), diagnosis.causes[0])
    return replace(diagnosis, causes=(cause,))


def because_words(diagnosis: Diagnosis) -> str:
    """The cause that is told first, where one is known."""
    cause = diagnosis.causes[0]
    match cause.confidence:
        case Confidence.CERTAIN:
            return f", because {cause.message}"
        case Confidence.LIKELY:
            return f", likely because {cause.message}"
    return ""


def steering_line(traffic: TrafficState | None, now: float, *, looks_only: bool = False) -> Said:
    """What is being tried or ramped: how long still, what was before and what is now, and the keys that end it."""
    if traffic is None:
        return "", Tone.PLAIN
    if traffic.trial and traffic.trial.ended is None:
        return trial_words(traffic.trial, now) + ("" if looks_only else _TRIAL_KEYS), Tone.BUSY
    running = [ramp for ramp in traffic.ramps if ramp.state is RampState.RUNNING]
    if not running:
        return "", Tone.PLAIN
    return ramp_words(running[0], now) + ("" if looks_only else _RAMP_KEYS), Tone.BUSY


def trial_words(trial: Trial, now: float) -> str:
    left = words.seconds(trial.ends_at - now)
    effect = "; ".join(_before_and_after(name, trial.before.get(name), trial.now.get(name)) for name in trial.services)
    return f"◔ try of {', '.join(trial.services)}: {left} left · {effect}"


def _before_and_after(name: str, before: GoldenSignals | None, after: GoldenSignals | None) -> str:
    if before is None or after is None:
        return "no traffic yet"
    return (
        f"errors {words.percent(before.error_ratio)}% → {words.percent(after.error_ratio)}%, "
        f"p99 {words.milliseconds(before.p99)} → {words.milliseconds(after.p99)}"
    )


def ramp_words(ramp: Ramp, now: float) -> str:
    steps = " ".join(f"[{step}%]" if index == ramp.step else f"{step}%" for index, step in enumerate(ramp.steps))
    following = f"next in {words.seconds(ramp.next_at - now)}" if ramp.next_at is not None else ramp.reason
    state = (
        f" · errors {words.percent(ramp.now.error_ratio)}%, p99 {words.milliseconds(ramp.now.p99)}" if ramp.now else ""
    )
    return f"◔ ramp of {ramp.service} {ramp.version}: {steps} · {following}{state}"
