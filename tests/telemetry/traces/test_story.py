"""What the mesh did, in plain words."""

from __future__ import annotations

from sandbox.telemetry.traces.story import Limits, story
from tests.telemetry.traces.build import attempt, hop, no_limits


def test_where_it_went() -> None:
    assert story(hop("a", "", "mill", "pantry", 0, 0.1), (), no_limits) == "went to v1"


def test_a_rule_its_retries_and_what_is_left_of_its_time() -> None:
    one = hop("a", "", "mill", "pantry", 0, 0.62, attributes={"rule": "canary", "version": "v2"})
    tries = (attempt("1", "a", 0, 0.1, 1, 503), attempt("2", "a", 0.2, 0.1, 2))
    assert story(one, tries, lambda callee, rule: Limits(2.0, 3, "rule canary")) == (
        "rule canary chose v2; attempt 2 of 3 answered, after 503 from pantry-v1-1; 1.38 s left of 2 s"
    )


def test_flags_are_spelt_out_and_a_limit_that_was_reached_is_told() -> None:
    one = hop("a", "", "mill", "pantry", 0, 0.2, status=504, attributes={"response_flags": "UT,URX"})
    assert story(one, (), lambda callee, rule: Limits(0.2)) == (
        "went to v1; the instance did not answer in time (UT); every retry failed, too (URX); "
        "the limit of 200 ms was used up"
    )


def test_alike_failures_are_counted() -> None:
    one = hop("a", "", "mill", "pantry", 0, 0.2, status=503)
    tries = tuple(attempt(str(n), "a", n / 10, 0.05, 1, 503) for n in range(3))
    assert story(one, tries, no_limits) == (
        "went to v1; attempt 3 of 3 failed as well, after 503 from pantry-v1-1 (2 times)"
    )


def test_calls_that_nobody_declares_and_requests_that_led_nowhere() -> None:
    stranger = hop("a", "", "undeclared", "pantry", 0, 0.1)
    assert story(stranger, (), no_limits).startswith("nobody declares this call to pantry; ")
    lost = hop("a", "", "", "", 0, 0.1)
    del lost.attributes["callee"]
    assert story(lost, (), no_limits) == "it was led to no service"
