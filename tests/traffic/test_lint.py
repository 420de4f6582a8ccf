from __future__ import annotations

from collections.abc import Mapping

from sandbox.model import Delay, Fault, Match, Retry, Rule, Timeouts, TrafficPolicy
from sandbox.traffic.lint import MOST_PATHS, Mesh, limit_of, lint, paths
from tests.traffic.policies import ME, split

CHAIN = {"shop": ("orders",), "orders": ("steamer", "pantry"), "steamer": ("pantry",), "pantry": ()}


def mesh(callees: Mapping[str, tuple[str, ...]] = CHAIN, **ready: frozenset[str]) -> Mesh:
    return Mesh(callees=callees, versions={}, ready=ready, entries=("shop",))


def told(policies: dict[str, TrafficPolicy], over: Mesh | None = None) -> list[str]:
    return [f"{one.severity} {one.place}: {one.message}" for one in lint(policies, over or mesh())]


def one(**rule: object) -> TrafficPolicy:
    return TrafficPolicy(rules=(Rule(**rule),))  # type: ignore[arg-type]


def test_nothing_to_say_about_nothing() -> None:
    assert told({}) == [] and told({"pantry": one(backends=split(v1=1))}) == []


def test_retries_on_retries() -> None:
    thrice = one(retry=Retry(attempts=2))

    assert told({"orders": thrice, "steamer": thrice, "pantry": thrice}) == [
        "warning shop → orders → steamer → pantry: one failing request becomes up to 27 at pantry "
        "(orders 3×, steamer 3×, pantry 3×)"
    ]
    assert told({"orders": thrice, "pantry": thrice}) == []  # nine times


def test_who_waits_longer_than_its_own_caller_does() -> None:
    policies = {
        "orders": one(timeouts=Timeouts(request=1.0)),
        "pantry": one(timeouts=Timeouts(backend_request=0.5), retry=Retry(attempts=2)),
    }

    assert told(policies) == [
        "warning orders → pantry: a call to pantry may take 1.575 s, but who calls orders gives up after 1 s"
    ]


def test_a_limit_for_some_requests_only_is_none_for_the_others() -> None:
    some = TrafficPolicy(rules=(Rule(matches=(ME,), timeouts=Timeouts(request=1.0)), Rule()))

    assert told({"orders": some, "pantry": one(timeouts=Timeouts(request=9.0))}) == []


def test_how_long_a_request_may_take() -> None:
    assert limit_of(Rule()) is None
    assert limit_of(Rule(timeouts=Timeouts(request=2.0, backend_request=1.0))) == 2.0
    assert limit_of(Rule(timeouts=Timeouts(backend_request=1.0))) == 1.0
    retried = Rule(timeouts=Timeouts(backend_request=1.0), retry=Retry(attempts=2, backoff=0.1))
    assert limit_of(retried) == 3.3


def test_rules_that_are_never_reached() -> None:
    narrow = Match(headers=ME.headers, method="GET")
    policy = TrafficPolicy(rules=(Rule(matches=(ME,)), Rule(matches=(narrow,), name="late"), Rule()))

    assert told({"steamer": policy}) == [
        "warning steamer, rule 2 (late): can't be reached: rule 1 takes all its requests"
    ]


def test_weights_of_versions_that_are_not_ready() -> None:
    both = one(backends=split(v1=90, v2=10))

    assert told({"steamer": both}, mesh(steamer=frozenset({"v1"}))) == [
        "warning steamer, rule 1: v2 has no ready instance; its share goes to the other versions"
    ]
    assert told({"steamer": both}, mesh(steamer=frozenset())) == [
        "error steamer, rule 1: no instance of v1 or v2 is ready, so its requests are answered with 503"
    ]


def test_attempts_that_do_not_fit_and_faults_that_were_left() -> None:
    policy = one(
        timeouts=Timeouts(request=1.0, backend_request=0.4),
        retry=Retry(attempts=4),
        fault=Fault(delay=Delay(fixed=2.0)),
    )

    assert told({"pantry": policy}) == [
        "info pantry, rule 1: of 5 attempts only 2 of 400 ms fit in the 1 s of the whole request",
        "info pantry, rule 1: a fault is in force: 2 s later",
    ]
    assert told({"pantry": one(retry=Retry(attempts=1, hedge=True))}) == [
        "warning pantry, rule 1: hedge does nothing without a limit for one attempt"
    ]


def test_circles_end_and_dense_graphs_are_not_followed_for_ever() -> None:
    assert list(paths(mesh({"shop": ("a",), "a": ("b",), "b": ("a",)}))) == [("shop", "a", "b")]
    dense = {f"s{one}": tuple(f"s{other}" for other in range(one + 1, 16)) for one in range(16)}
    assert told({}, Mesh(callees=dense, versions={}, ready={}, entries=("s0",))) == [
        f"info project: only the first {MOST_PATHS} paths of calls were followed"
    ]
