"""Which versions are missed, and what is told of it as things change."""

from __future__ import annotations

from dataclasses import replace

from sandbox.control import ServiceStatus, Status
from sandbox.events import Severity
from sandbox.model import BackendRef, Rule, TrafficPolicy
from sandbox.supervisor.passedover import changes, missing, with_passed_over
from tests.fakes import data

POLICY = TrafficPolicy(rules=(Rule(backends=(BackendRef(version="v1", weight=9), BackendRef(version="v2"))),))
SAID = "rule 1 of steamer: v2 has no ready instance; v1 takes its share"


def steamer(second: Status | None, *, restarts: int = 0, policy: TrafficPolicy | None = POLICY) -> ServiceStatus:
    """v1 is healthy; v2 has an instance that is at `second`."""
    instances = [replace(data.instance("steamer-v1-1"), version="v1")]
    if second is not None:
        instances.append(replace(data.instance("steamer-v2-1"), version="v2", status=second, restarts=restarts))
    service = replace(data.service("steamer", instances=tuple(instances)), versions=("v1", "v2"))
    (found,) = with_passed_over([service], {"steamer": policy} if policy else {})
    return found


def told(before: ServiceStatus, after: ServiceStatus) -> list[tuple[str, Severity]]:
    return [(event.message, event.severity) for event in changes(missing([before]), missing([after]))]


def test_a_version_that_fails_or_is_scaled_to_none_is_missed() -> None:
    for at in (Status.BACKOFF, Status.FAILED, Status.UNHEALTHY, Status.STOPPING, None):
        assert [one.sentence for one in steamer(at).passed_over] == [SAID], at


def test_one_that_comes_up_for_the_first_time_is_not() -> None:
    for at in (Status.PENDING, Status.BUILDING, Status.STARTING, Status.HEALTHY):
        assert steamer(at).passed_over == (), at
    assert steamer(Status.STARTING, restarts=1).passed_over


def test_without_a_policy_or_any_instance_nothing_is_said_of_versions() -> None:
    assert steamer(Status.FAILED, policy=None).passed_over == ()
    nothing_ready = replace(steamer(Status.FAILED), ready=0)
    assert with_passed_over([nothing_ready], {"steamer": POLICY})[0].passed_over == ()


def test_what_happens_is_told_once_and_so_is_its_end() -> None:
    well, ill = steamer(Status.HEALTHY), steamer(Status.BACKOFF)

    assert told(well, ill) == [(SAID, Severity.WARNING)]
    assert told(ill, ill) == []
    assert told(ill, well) == [("no rule of steamer passes a version over any more", Severity.INFO)]


def test_of_a_service_that_is_down_altogether_nothing_is_told() -> None:
    ill = steamer(Status.BACKOFF)

    assert told(ill, replace(ill, ready=0, passed_over=())) == []
