"""What is shown of a service in trouble."""

from __future__ import annotations

from dataclasses import replace

from sandbox.control import ServiceStatus, Status
from sandbox.model import AppProtocol, External, Port
from sandbox.supervisor import views
from sandbox.supervisor.desired import VersionKey
from sandbox.supervisor.state import ClusterState, InstanceState, VersionState
from sandbox.supervisor.wiring import Ingress
from tests.supervisor.build import a_service, an_instance, desire, prepared, with_instances

OLD = an_instance("mill-v1-1", generation=1)
ENDED = replace(
    an_instance("mill-v1-2", Status.BACKOFF, generation=2, index=2),
    reason="ended: app.py:3: KeyError: 'x' (exit code 1); next start in 1 s",
    ended="app.py:3: KeyError: 'x'",
)


def shown(state: ClusterState) -> ServiceStatus:
    (service,) = views.services(desire(a_service("mill")), state, Ingress(gateway=8080, published={}))
    return service


def of(*instances: InstanceState) -> ServiceStatus:
    return shown(with_instances(prepared(("mill", "v1")), *instances))


def test_new_code_that_ends_is_named_and_that_the_old_serves() -> None:
    service = of(OLD, ENDED)
    assert (service.status, service.ready) == (Status.BACKOFF, 1)
    assert service.reason == "app.py:3: KeyError: 'x'; the previous one serves on"


def test_it_is_so_too_while_it_is_tried_again() -> None:
    again = replace(ENDED, status=Status.STARTING, reason="not ready yet: nothing listens on port 8000")
    assert of(OLD, again).reason == "app.py:3: KeyError: 'x'; the previous one serves on"
    assert of(again).reason == "starts again after it ended: app.py:3: KeyError: 'x'"


def test_with_nothing_before_it_it_says_what_comes_next() -> None:
    assert of(ENDED).reason == ENDED.reason


def test_an_ordinary_start_is_no_trouble() -> None:
    new = replace(an_instance("mill-v1-2", Status.STARTING, generation=2, index=2), reason="starts")
    assert of(OLD, new).reason == "starts"


def test_what_can_not_be_prepared_says_whether_the_old_serves() -> None:
    broken = VersionState(status=Status.FAILED, workload="w", reason="npm install failed")
    state = ClusterState(versions={VersionKey("mill", "v1"): broken})
    assert shown(state).reason == "npm install failed"
    service = shown(with_instances(state, OLD))
    assert (service.status, service.reason) == (Status.FAILED, "npm install failed; the previous one serves on")


def test_what_is_being_prepared_says_whether_a_previous_one_serves() -> None:
    building = VersionState(status=Status.BUILDING, workload="w")
    v2_builds = replace(prepared(("mill", "v1")), versions={VersionKey("mill", "v2"): building})
    assert shown(with_instances(v2_builds, OLD)).reason == "v2 is being prepared"

    again = ClusterState(versions={VersionKey("mill", "v1"): building})
    service = shown(with_instances(again, OLD))
    assert (service.status, service.reason) == (
        Status.BUILDING,
        "is being prepared anew; the previous one serves meanwhile",
    )


def test_a_published_port_is_shown_as_the_one_it_really_has() -> None:
    mill = a_service("mill", port=Port(number=5432, protocol=AppProtocol.TCP, published=15432))
    ingress = Ingress(gateway=8080, published={("mill", 5432): 20123})

    (service,) = views.services(desire(mill), ClusterState(), ingress)
    assert service.ports == ("20123:5432/tcp",)


def test_a_host_outside_is_no_service_that_is_stopped() -> None:
    outside = replace(a_service("pay"), external=External(host="api.example.com", port=443, tls=True))
    version = replace(outside.versions[0], replicas=0)
    desired = desire(replace(outside, versions=(version,)))

    (service,) = views.services(desired, ClusterState(), Ingress(gateway=8080, published={}))

    assert (service.status, service.reason) == (Status.HEALTHY, "outside: https://api.example.com:443")
    assert (service.replicas, service.instances) == (0, ())
