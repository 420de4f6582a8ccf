"""Alerts over time, told as histories: one letter a look, every five seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Alert, AlertState
from sandbox.telemetry.alerts.machine import PAST, STALE, Alerts, listed, look, silence_of, silenced
from sandbox.telemetry.alerts.observation import Level, Measured

EVERY = 5.0
NOW = 1_767_225_600.0
LEVELS = {"x": Level.BAD, "~": Level.BETWEEN, ".": Level.GOOD, "!": Level.GOOD, "?": Level.UNKNOWN}
LETTERS = {None: " ", AlertState.PENDING: "p", AlertState.FIRING: "F"}


def measured(letter: str, hold: float = 10.0) -> Measured:
    return Measured(
        rule="error_ratio",
        subject="orders",
        level=LEVELS[letter],
        hold=hold,
        message="it fails",
        settled=letter == "!",
    )


class Watched:
    """A subject, looked at again and again."""

    def __init__(self, hold: float = 10.0) -> None:
        self.alerts = Alerts()
        self.told: list[AlertState] = []
        self.now = NOW
        self._hold = hold

    def see(self, history: str) -> str:
        """`x` bad, `~` between, `.` good, `!` good since a change, `?` unknown, ` ` not measured → `p` pending, `F`
        firing, or nothing."""
        return "".join(self._look(letter) for letter in history)

    def _look(self, letter: str) -> str:
        self.now += EVERY
        found = [measured(letter, self._hold)] if letter in LEVELS else []
        self.alerts, changed = look(self.alerts, found, now=self.now, elapsed=EVERY)
        self.told += [alert.state for alert in changed]
        standing = self.alerts.standing.get("error_ratio/orders")
        return LETTERS[standing.alert.state if standing else None]


@pytest.mark.parametrize(
    ("history", "states"),
    [
        ("xxx", "ppF"),
        ("x.xx.", "p pp "),  # one bad scrape, again and again, tells nobody anything
        ("xxx.xxx", "ppFFFFF"),  # and one good one ends nothing
        ("xxx...", "ppFFF "),
        ("xxx..~..", "ppFFFFFF"),  # what hovers around the limit is not over
        ("x?xx", "pppF"),  # missing data is no flap
        ("xxx?.?..", "ppFFFFF "),
        ("x~~x~x", "ppppp" + "F"),
        ("xx x", "pp p"),  # gone, and there again: it begins anew
        ("xxx ", "ppF "),
        ("xxx!!", "ppFF "),  # a change mended it
        ("xxx!x!x", "ppFFFFF"),  # it did not
        ("xxx!.!", "ppFFF "),
        ("x!xx", "p pp"),
        ("..??~~", "      "),
    ],
)
def test_histories(history: str, states: str) -> None:
    assert Watched().see(history) == states


def test_who_waits_for_nothing_fires_at_once() -> None:
    assert Watched(hold=0).see("x") == "F"


def test_begin_and_end_are_told_once() -> None:
    watched = Watched()
    watched.see("xxxxx.....")

    assert watched.told == [AlertState.FIRING, AlertState.RESOLVED]


def test_without_any_data_it_is_over_in_the_end() -> None:
    watched = Watched()
    assert watched.see("xxx" + "?" * (int(STALE / EVERY) - 1))[-1] == "F"
    assert watched.see("?") == " "
    assert watched.alerts.past[0].evidence == ("nothing was measured any more",)


def test_what_is_no_longer_measured_is_listed_as_such() -> None:
    watched = Watched()
    watched.see("xxx??")
    (alert,) = listed(watched.alerts, watched.now, resolved=False)
    assert (alert.state, alert.message) == (AlertState.FIRING, "it fails; nothing since")
    assert alert.evidence[-1].startswith("nothing to measure for 10 s; the alert ends after 300 s of that")
    watched.see("x")
    assert listed(watched.alerts, watched.now, resolved=False)[0].message == "it fails"


def test_what_is_over_is_listed_for_an_hour() -> None:
    watched = Watched()
    watched.see("xxx...")

    assert [alert.state for alert in listed(watched.alerts, watched.now, resolved=True)] == [AlertState.RESOLVED]
    assert listed(watched.alerts, watched.now, resolved=False) == ()
    assert listed(watched.alerts, watched.now + PAST, resolved=True) == ()


def test_a_clock_that_steps_by_hours_moves_nothing() -> None:
    watched = Watched()
    watched.see("x")
    watched.now += 7 * 3600

    assert watched.see("x") == "p"
    watched.now -= 20 * 3600
    assert watched.see("x") == "F"


@given(st.text(alphabet="x~.? ", max_size=60))
def test_nothing_fires_that_was_not_bad_for_long_enough_and_all_that_fired_is_told(history: str) -> None:
    watched = Watched()
    states = watched.see(history)

    bad = sum(letter == "x" for letter in history)
    assert "F" not in states or bad >= 3
    fired = watched.told.count(AlertState.FIRING)
    assert fired - watched.told.count(AlertState.RESOLVED) == (1 if states.endswith("F") else 0)
    assert len(watched.alerts.past) == fired - (1 if states.endswith("F") else 0)


# --- silence ----------------------------------------------------------------------------------------------------------


def of(alerts: Alerts, now: float = NOW) -> Sequence[float | None]:
    return [alert.silenced_until for alert in listed(alerts, now, resolved=False)]


def test_a_silence_is_of_a_rule_or_of_one_subject_and_ends() -> None:
    watched = Watched()
    watched.see("xxx")
    now = watched.now

    assert of(silenced(watched.alerts, "error_ratio", None, now + 60), now) == [now + 60]
    assert of(silenced(watched.alerts, "error_ratio", "orders", now + 60), now) == [now + 60]
    assert of(silenced(watched.alerts, "error_ratio", "pantry", now + 60), now) == [None]
    assert of(silenced(watched.alerts, "slow", None, now + 60), now) == [None]
    both = silenced(silenced(watched.alerts, "error_ratio", None, now + 60), "error_ratio", "orders", now + 90)
    assert of(both, now) == [now + 90]
    assert of(silenced(both, "error_ratio", "orders", None), now) == [now + 60]
    assert of(silenced(both, "error_ratio", None, None), now) == [None]
    assert of(both, now + 90) == [None]


def test_a_silence_that_is_over_is_forgotten_at_the_next_look() -> None:
    alerts = silenced(Alerts(), "slow", None, NOW + 60)
    after, _ = look(alerts, [], now=NOW + 61, elapsed=EVERY)

    assert after.silences == {}


def test_what_fires_on_is_told_once_when_its_silence_is_over() -> None:
    watched = Watched(hold=0)
    watched.see("x")
    watched.alerts = silenced(watched.alerts, "error_ratio", None, watched.now + 3 * EVERY)
    watched.alerts = silenced(watched.alerts, "error_ratio", "orders", watched.now + 4 * EVERY)
    watched.told.clear()
    watched.see("xxx")
    assert watched.told == []
    watched.see("xxx")
    assert watched.told == [AlertState.FIRING]


def test_what_is_over_when_its_silence_is_told_no_more() -> None:
    watched = Watched(hold=0)
    watched.see("x")
    watched.alerts = silenced(watched.alerts, "error_ratio", None, watched.now + 5 * EVERY)
    watched.told.clear()
    watched.see("......")
    assert AlertState.FIRING not in watched.told


def test_the_worst_is_first_and_what_is_silenced_last() -> None:
    def bad(subject: str, severity: str, rule: str = "r") -> Measured:
        return replace(measured("x", 0), rule=rule, subject=subject, severity=severity)

    found = [bad("a", "info"), bad("b", "critical"), bad("c", "warning"), bad("d", "critical", "quiet")]
    alerts, _ = look(Alerts(), [*found, replace(bad("e", "critical"), hold=10)], now=NOW, elapsed=EVERY)
    alerts = silenced(alerts, "quiet", None, NOW + 60)

    assert [alert.subject for alert in listed(alerts, NOW, resolved=True)] == ["b", "c", "a", "d", "e"]


def test_of_a_subject_with_several_limits_the_worst_counts() -> None:
    found = [replace(measured(letter, 0), message=str(LEVELS[letter])) for letter in ".x?"]
    _, changed = look(Alerts(), found, now=NOW, elapsed=EVERY)

    assert [alert.message for alert in changed] == ["bad"]


def test_an_alert_knows_whether_it_is_silenced() -> None:
    alert = Alert(rule="r", subject="s", state=AlertState.FIRING, severity="info", message="m", since=NOW)

    assert silence_of(silenced(Alerts(), "r", "s", NOW + 1), alert, NOW) == NOW + 1
    assert silence_of(Alerts(), alert, NOW) is None
