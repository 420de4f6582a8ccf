"""What is over, and what it still explains: crashes that were mended, stops that were taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.diagnosis import EdgeNumbers
from sandbox.diagnosis.words import clock
from sandbox.events import Event, Kind, ReloadReport
from tests.diagnosis.scenes import NOW, edge, event, first, why

BROKE = "pantry-v1-1 ended: app.py:7: SyntaxError: x (exit code 1); next start in 4 s"


def end(before: float) -> Event:
    return event(Kind.INSTANCE_BACKOFF, BROKE, "pantry", before, instance="pantry-v1-1")


def away() -> tuple[EdgeNumbers, ...]:
    """As long as the numbers have it: those of the last minute."""
    gone = edge("steamer", "pantry", errors=2, flags={"UF": 2.0})
    return (gone, edge("orders", "steamer", errors=2), edge("storefront", "orders", errors=2))


MENDED = event(Kind.SERVICE_RELOADED, "pantry reloaded", "pantry", before=5)


@pytest.mark.parametrize("events", [(end(20), MENDED), (end(8), MENDED), (end(40),), (end(100), end(70))])
def test_a_crash_that_is_mended_and_of_which_the_numbers_have_nothing_is_history(events: tuple[Event, ...]) -> None:
    assert why("storefront", events=events).healthy


def test_what_a_mended_crash_cost_is_told_as_such_as_long_as_the_numbers_have_it() -> None:
    found = why("storefront", *away(), events=(end(20), MENDED))

    assert [cause.kind for cause in found.causes] == ["recovered", "broken_connections"]
    assert first(found).message == "pantry crashed: app.py:7: SyntaxError: x, and other code was loaded 5 s ago"
    assert not any("next start" in fact for fact in first(found).facts)


def test_what_fails_now_comes_before_a_crash_that_was_mended() -> None:
    """The caller fails more often than what it calls can explain."""
    broken = edge("gateway", "storefront", errors=8, codes={"500": 8.0})
    found = why("storefront", *away(), broken, events=(end(20), MENDED))

    assert (first(found).kind, first(found).service) == ("own_errors", "storefront")
    assert "what it calls fails less often: 2 requests a second at most" in first(found).facts


def test_retries_of_an_instance_that_was_to_replace_others_are_no_crash_of_the_service() -> None:
    failed = event(Kind.RELOAD_FAILED, "pantry failed to reload", "pantry", before=30, instance="pantry-v1-2")
    tried = replace(end(4), instance="pantry-v1-2")

    assert why("storefront", *away(), events=(failed, tried)).causes[0].kind != "recovered"


def stop_and_start(stopped: float, again: float) -> tuple[Event, ...]:
    return (
        event(Kind.INSTANCE_STOPPING, "pantry-v1-1 stops: was stopped by hand", "pantry", before=stopped),
        event(Kind.INSTANCE_HEALTHY, "pantry-v1-1 is healthy", "pantry", before=again, instance="pantry-v1-1"),
    )


def test_a_stop_by_hand_that_was_taken_back_explains_what_failed_meanwhile() -> None:
    told = why("storefront", *away(), events=stop_and_start(50, 20))

    assert (first(told).kind, first(told).service) == ("was_stopped", "pantry")
    assert first(told).message == (
        f"pantry was stopped by hand at {clock(NOW - 50)} and runs again since {clock(NOW - 20)}"
    )


def test_a_stop_that_cost_nothing_or_was_one_of_several_or_long_ago_is_no_cause() -> None:
    assert why("storefront", events=stop_and_start(50, 20)).healthy
    assert "was_stopped" not in kinds(stop_and_start(200, 100))
    assert "was_stopped" not in kinds(stop_and_start(50, 20)[:1])
    assert "was_stopped" not in kinds((*stop_and_start(50, 20), end(10)))


def kinds(events: tuple[Event, ...]) -> list[str]:
    return [cause.kind for cause in why("storefront", *away(), events=events).causes]


def test_a_reload_just_before_is_told_of_what_fails_and_of_what_that_calls() -> None:
    report = ReloadReport(version="v1", generation=2, files=("pantry/app.py",), count=1, seconds={})
    reloaded = event(Kind.SERVICE_RELOADED, "pantry reloaded", "pantry", before=9, reload=report)
    old = event(Kind.SERVICE_RELOADED, "pantry reloaded", "pantry", before=400)
    found = first(why("storefront", edge("gateway", "storefront", errors=5), events=(old, reloaded)))

    assert found.kind == "own_errors"
    assert found.facts[-1] == "pantry was reloaded with the save of pantry/app.py, 9 s ago"
    assert not any("was reloaded" in fact for fact in facts_of_pantry_after(old))


def facts_of_pantry_after(reloaded: Event) -> tuple[str, ...]:
    return first(why("pantry", edge("steamer", "pantry", errors=5), events=(reloaded,))).facts


def test_what_fails_in_numbers_of_after_it_does_not_come_of_a_stop_or_a_crash() -> None:
    later = [replace(one, since=NOW - 10) for one in away()]
    both = (*stop_and_start(50, 20), replace(end(40), service="steamer"))
    found = [cause.kind for cause in why("storefront", *later, events=both).causes]

    assert found == ["broken_connections"]
