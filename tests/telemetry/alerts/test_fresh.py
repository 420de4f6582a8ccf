"""After a change, alerts that it mended do not wait until a minute has passed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.control import Metric
from sandbox.events import Event, Kind
from sandbox.model import Project
from sandbox.telemetry.alerts.evaluate import evaluate
from sandbox.telemetry.alerts.fresh import LONGEST, Since, fresh, since_change
from sandbox.telemetry.alerts.observation import Level, Numbers, Observation

NOW = 1_767_225_600.0
CALLS = (("gateway", "shop"), ("shop", "mill"), ("mill", "pantry"), ("shop", "till"))
PROJECT = Project(name="p", root=Path("/p"), files=(), services={})


def changed(ago: float, service: str | None = "mill", kind: Kind = Kind.POLICY_APPLIED) -> Event:
    return Event(kind=kind, message="x", service=service, at=NOW - ago)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), None),
        ((changed(3),), None),  # only just now
        ((changed(8),), Since(NOW - 6, NOW, frozenset({"mill"}))),
        ((changed(30),), Since(NOW - LONGEST, NOW, frozenset({"mill"}))),
        ((changed(61),), None),
        ((changed(30, "till"), changed(8)), Since(NOW - 6, NOW, frozenset({"mill", "till"}))),
        ((changed(8, None), changed(9)), Since(NOW - 6, NOW, None)),
        ((changed(8, kind=Kind.SERVICE_RELOADED),), Since(NOW - 6, NOW, frozenset({"mill"}))),
        ((changed(8, kind=Kind.SERVICE_SCALED),), None),
    ],
)
def test_from_when_on_it_is_counted(events: tuple[Event, ...], expected: Since | None) -> None:
    assert since_change(events, NOW) == expected


def numbers(ratio: float, requests: float = 10.0) -> Numbers:
    return {Metric.REQUESTS: requests, Metric.ERRORS: ratio * requests, Metric.ERROR_RATIO: ratio}


def observed(ratio: float, **ratios: float) -> Observation:
    """By service, each by itself; those that are not named have `ratio`."""
    found = {callee: numbers(ratios.get(callee, ratio)) for _, callee in CALLS}
    return Observation(at=NOW, numbers=found, edges={edge: numbers(0.0) for edge in CALLS})


def levels(seen: Observation) -> dict[str, tuple[Level, bool]]:
    measured = evaluate(seen, PROJECT)
    return {one.subject: (one.level, one.settled) for one in measured if one.rule == "error_ratio"}


def after(services: frozenset[str] | None, now: Observation, before: Observation) -> dict[str, tuple[Level, bool]]:
    found = fresh(before, Since(NOW - 10, NOW, services), now.edges, now.numbers)
    return levels(Observation(at=NOW, numbers=before.numbers, edges=before.edges, fresh=found))


def test_what_changed_and_all_that_call_it_are_judged_by_what_came_since() -> None:
    assert after(frozenset({"mill"}), observed(0.0), observed(0.3)) == {
        "shop": (Level.GOOD, True),
        "mill": (Level.GOOD, True),
        "pantry": (Level.BAD, False),
        "till": (Level.BAD, False),
    }


def test_a_change_of_all_may_have_mended_all() -> None:
    assert set(after(None, observed(0.0), observed(0.3)).values()) == {(Level.GOOD, True)}


def test_what_is_bad_still_stays_bad() -> None:
    assert after(None, observed(0.0, mill=0.3), observed(0.3))["mill"] == (Level.BAD, False)


def test_a_change_makes_nothing_worse_before_its_time() -> None:
    """What became bad is judged by the minute, as ever."""
    assert after(None, observed(0.3), observed(0.0))["mill"] == (Level.GOOD, False)


def test_a_few_good_requests_show_nothing() -> None:
    few = Observation(at=NOW, numbers={"mill": numbers(0.0, 0.9)}, edges={("shop", "mill"): numbers(0.0, 0.9)})

    assert after(None, few, observed(0.3))["mill"] == (Level.BAD, False)


def test_what_is_bad_still_says_how_bad_it_is_since_the_change() -> None:
    found = fresh(observed(0.66), Since(NOW - 10, NOW, None), observed(0.17).edges, observed(0.17).numbers)
    seen = Observation(at=NOW, numbers=observed(0.66).numbers, edges=observed(0.66).edges, fresh=found)
    [mill] = [one for one in evaluate(seen, PROJECT) if (one.rule, one.subject) == ("error_ratio", "mill")]

    assert mill.message == "17 % of the requests to mill fail"


@pytest.mark.parametrize(
    ("events", "level"),
    [
        ((changed(5),), Level.BETWEEN),  # nothing is known of after it
        ((changed(5, "till"),), Level.BAD),  # which it has no part in
        ((changed(9),), Level.BAD),
        ((changed(40), changed(5)), Level.BETWEEN),  # what was injected, and taken back
        ((changed(20), changed(15), changed(10), changed(5)), Level.BAD),  # a ramp hides nothing
    ],
)
def test_what_was_bad_before_a_change_begins_no_alert_just_after_it(events: tuple[Event, ...], level: Level) -> None:
    assert levels(replace(observed(0.3), events=events))["mill"] == (level, False)


@pytest.mark.parametrize(("ago", "level"), [(20, Level.BETWEEN), (31, Level.BAD)])
def test_few_requests_since_a_change_are_waited_for_longer(ago: float, level: Level) -> None:
    before = observed(0.3)
    found = fresh(before, Since(NOW - 10, NOW, None), {}, {})

    assert levels(replace(before, events=(changed(ago),), fresh=found))["mill"] == (level, False)
