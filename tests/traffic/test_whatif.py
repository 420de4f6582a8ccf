from __future__ import annotations

from dataclasses import replace

from sandbox.control import RequestHead, Rerouted
from sandbox.model import (
    Abort,
    AuthorizationAction,
    AuthorizationRule,
    Delay,
    Fault,
    RateLimit,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from sandbox.traffic.router import Callee
from sandbox.traffic.whatif import MOST, Recorded, may_move, what_if
from tests.traffic.policies import ME, split

STEAMER = Callee(name="steamer", versions=("v1", "v2"))
V1, V2 = TrafficPolicy(rules=(Rule(backends=split(v1=1)),)), TrafficPolicy(rules=(Rule(backends=split(v2=1)),))


def heads(count: int, **headers: str) -> list[Recorded]:
    head = RequestHead(service="steamer", headers=headers)
    return [Recorded(at=100.0 + index, head=head) for index in range(count)]


def moved(recorded: list[Recorded], before: TrafficPolicy, after: TrafficPolicy) -> Rerouted:
    known = {"steamer": STEAMER}
    return what_if(recorded, {"steamer": before}, {"steamer": after}, known.get, now=200.0)


def may(before: TrafficPolicy, after: TrafficPolicy) -> bool:
    return may_move({"steamer": before}, {"steamer": after}, ["steamer"])


def test_all_that_goes_elsewhere_is_counted() -> None:
    found = moved(heads(40), V1, V2)

    assert found == Rerouted(requests=40, seconds=100.0, moved=(("steamer v1", "steamer v2", 40),))


def test_of_a_split_the_expected_number() -> None:
    half = TrafficPolicy(rules=(Rule(backends=split(v1=75, v2=25)),))

    assert moved(heads(40), V1, half).moved == (("steamer v1", "steamer v2", 10),)


def test_only_those_that_a_rule_is_about() -> None:
    mine = TrafficPolicy(rules=(Rule(matches=(ME,), backends=split(v2=1)), *V1.rules))

    found = moved([*heads(40), *heads(3, **{"x-user": "me"})], V1, mine)

    assert (found.requests, found.moved) == (43, (("steamer v1", "steamer v2", 3),))


def test_faults_and_refusals_are_places_too() -> None:
    broken = TrafficPolicy(
        rules=(Rule(backends=split(v1=1), fault=Fault(abort=Abort(http_status=503, percentage=50))),)
    )
    denied = TrafficPolicy(authorization=(AuthorizationRule(action=AuthorizationAction.DENY),))

    assert moved(heads(4), V1, broken).moved == (("steamer v1", "503 by a fault, for steamer", 2),)
    assert moved(heads(4), V1, denied).moved == (("steamer v1", "403 from the proxy, for steamer", 4),)


def test_changes_that_move_nothing_whatever_comes() -> None:
    slow = Fault(delay=Delay(fixed=2.0))
    nothing, timeout = TrafficPolicy(), TrafficPolicy(rules=(Rule(timeouts=Timeouts(request=2.0)),))
    mine = TrafficPolicy(rules=(Rule(matches=(ME,), fault=slow), Rule(fault=slow)))

    assert not may(nothing, timeout) and not may(timeout, nothing) and not may(nothing, mine)
    assert not may(V1, TrafficPolicy(rules=(Rule(backends=split(v1=1), fault=slow),)))
    assert not may(V1, replace(V1, rate_limit=RateLimit(requests=1)))


def test_changes_that_may_move_a_request() -> None:
    aborted = TrafficPolicy(rules=(Rule(fault=Fault(abort=Abort(http_status=503, percentage=50))),))
    denied = TrafficPolicy(authorization=(AuthorizationRule(action=AuthorizationAction.DENY),))
    mine = TrafficPolicy(rules=(Rule(matches=(ME,), backends=split(v2=1)), *V1.rules))

    for one in (V1, mine, aborted, denied):
        assert may(TrafficPolicy(), one) and may(one, TrafficPolicy())
    assert may(V1, V2) and may(V1, mine)


def test_nothing_recorded_and_services_that_are_gone() -> None:
    gone = [Recorded(at=1.0, head=RequestHead(service="oven"))]

    assert moved([], V1, V2) == Rerouted(requests=0, seconds=0.0, moved=())
    assert moved(gone, V1, V2).moved == ()


def test_only_so_many_are_looked_at() -> None:
    assert moved(heads(MOST + 5), V1, V2).requests == MOST
