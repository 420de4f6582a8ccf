from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.control import GoldenSignals, RampRequest, RampState
from sandbox.errors import UsageError
from sandbox.traffic.ramps import RunningRamp, advise, as_note, checked, conditions, of_note, weights

ASKED = RampRequest(service="steamer", version="v2", steps=(5, 50, 100), every=30.0)
BEGUN = RunningRamp(request=ASKED, back=None, others={"v1": 1}, since=100.0)


def seen(requests: float = 100, errors: float = 0.0, p99: float | None = 10.0) -> GoldenSignals:
    return GoldenSignals(seconds=10.0, requests_per_second=requests / 10, error_ratio=errors, p50=5.0, p99=p99)


def test_step_by_step_to_the_end() -> None:
    history = []
    ramp = BEGUN
    for now in (110, 130, 140, 160, 189, 190, 300):
        advice = advise(ramp, float(now), seen())
        ramp = advice.ramp
        history.append((now, ramp.share, str(ramp.state), advice.go_on))

    assert history == [
        (110, 5, "running", False),
        (130, 50, "running", True),
        (140, 50, "running", False),
        (160, 100, "running", True),
        (189, 100, "running", False),
        (190, 100, "done", False),
        (300, 100, "done", False),
    ]


def test_errors_end_it_at_once_and_all_goes_back() -> None:
    advice = advise(BEGUN, 101.0, seen(errors=0.02))

    assert advice.go_back and advice.ramp.state is RampState.ABORTED
    assert advice.ramp.reason == "errors>1% at 5 %: errors 2.0%"


def test_one_failure_of_three_requests_says_nothing_yet() -> None:
    advice = advise(BEGUN, 101.0, seen(requests=3, errors=0.33))

    assert not advice.go_back and advice.ramp.is_running


def test_without_requests_it_waits() -> None:
    for nothing in (None, seen(requests=0, p99=None)):
        advice = advise(BEGUN, 500.0, nothing)

        assert not advice.go_on and advice.ramp.reason == "5 %; it waits for requests to v2"


def test_latency_and_several_conditions() -> None:
    assert [(one.signal, one.limit) for one in conditions("errors > 0.5% or p99>1s or p50>20ms")] == [
        ("errors", 0.005),
        ("p99", 1000.0),
        ("p50", 20.0),
    ]


@pytest.mark.parametrize("text", ["", "errors", "errors>1", "errors>5ms", "p99>5%", "p99<5ms", "errors>1% and p99>5ms"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(UsageError):
        conditions(text)


@pytest.mark.parametrize(
    "change",
    [{"version": "v3"}, {"steps": ()}, {"steps": (50, 5)}, {"steps": (0,)}, {"steps": (101,)}, {"every": 0.5}],
    ids=str,
)
def test_what_is_no_ramp(change: dict[str, Any]) -> None:
    wanted = {"service": "steamer", "version": "v2", "steps": (5,), "every": 30.0, **change}
    with pytest.raises(UsageError):
        checked(RampRequest(**wanted), ["v1", "v2"])


def test_the_others_share_the_rest_as_before() -> None:
    ramp = RunningRamp(request=ASKED, back=None, others={"v1": 3, "v3": 1})

    assert weights(ramp) == {"v1": 712, "v3": 238, "v2": 50}
    assert weights(RunningRamp(request=ASKED, back=None, others={"v1": 1})) == {"v1": 95, "v2": 5}
    assert weights(RunningRamp(request=ASKED, back=None, others={"v1": 1}, step=2)) == {"v2": 1}


def test_a_new_supervisor_reads_what_an_old_one_noted() -> None:
    assert of_note(json.loads(json.dumps(as_note(BEGUN)))) == BEGUN
