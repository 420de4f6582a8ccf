from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.model import ConnectionPool, Delay, Fault, Match, Mirror, Retry, RetryBudget, Rule, Timeouts, TrafficPolicy
from sandbox.traffic.lint import MOST_PATHS, TOO_OFTEN, Mesh, faults, limit_of, lint, paths, worst_tries
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


def test_copies_for_the_version_that_answers_anyway() -> None:
    twice = ["warning pantry, rule 1: copies go to v1, which answers these requests too and so gets them twice"]
    copies = (Mirror(version="v1"),)

    assert told({"pantry": one(backends=split(v1=1), mirrors=copies)}) == twice
    assert told({"pantry": one(mirrors=copies)}, replace(mesh(), versions={"pantry": ("v1",)})) == twice
    assert told({"pantry": one(mirrors=copies)}, replace(mesh(), versions={"pantry": ("v1", "v2")})) == []
    assert told({"pantry": one(backends=split(v1=1, v2=1), mirrors=copies)}) == []


def test_faults_of_some_services() -> None:
    slow = one(fault=Fault(delay=Delay(fixed=2.0)))

    (found,) = faults({"pantry": slow, "mill": slow}, ["pantry", "orders"])
    assert (found.place, found.hint) == ("pantry, rule 1", "end it: sandbox traffic clear pantry fault")


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


def test_a_budget_keeps_retries_from_multiplying() -> None:
    retry = Retry(attempts=9, budget=RetryBudget(percent=20))

    assert worst_tries(None) == worst_tries(TrafficPolicy()) == 1
    assert worst_tries(one(retry=Retry(attempts=9))) == 10
    assert worst_tries(one(retry=retry)) == 1.2
    unbound = TrafficPolicy(rules=(Rule(retry=retry),), connection_pool=ConnectionPool(max_retries=50))
    assert worst_tries(unbound) == 10  # the pool's limit goes before it
    assert told({name: one(retry=retry) for name in CHAIN}) == []


def test_a_limit_for_some_requests_only_is_none_for_the_others() -> None:
    some = TrafficPolicy(rules=(Rule(matches=(ME,), timeouts=Timeouts(request=1.0)), Rule()))

    assert told({"orders": some, "pantry": one(timeouts=Timeouts(request=9.0))}) == []


def test_how_long_a_request_may_take() -> None:
    assert limit_of(Rule()) is None
    assert limit_of(Rule(timeouts=Timeouts(backend_request=1.0))) == 1.0
    assert limit_of(Rule(timeouts=Timeouts(request=2.0, backend_request=1.0))) == 1.0  # the only attempt
    retried = Rule(timeouts=Timeouts(backend_request=1.0), retry=Retry(attempts=2, backoff=0.1))
    assert limit_of(retried) == 3.3
    assert limit_of(replace(retried, timeouts=Timeouts(backend_request=1.0, request=2.0))) == 2.0
    assert limit_of(replace(retried, timeouts=Timeouts(backend_request=1.0, request=9.0))) == 3.3
    hedged = replace(retried, retry=Retry(attempts=2, hedge=True))
    assert limit_of(hedged) is None  # the last attempt goes on


MILLISECONDS = st.none() | st.integers(1, 3000).map(lambda milliseconds: milliseconds / 1000)
RETRIES = st.none() | st.builds(Retry, attempts=st.integers(0, 8), backoff=st.sampled_from([0.001, 0.025, 0.2]))
TIMED = st.builds(Rule, timeouts=st.builds(Timeouts, request=MILLISECONDS, backend_request=MILLISECONDS), retry=RETRIES)


@given(TIMED)
def test_no_request_takes_longer_than_that(rule: Rule) -> None:
    """Played through: nothing ever answers, and every pause is as long as it may be."""
    expected, found = played(rule), limit_of(rule)
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(expected)


def played(rule: Rule) -> float | None:
    """When the caller gets its answer, as the proxy goes about it."""
    whole, attempt = rule.timeouts.request, rule.timeouts.backend_request
    now, pause = 0.0, rule.retry.backoff if rule.retry is not None else 0.0
    longest = pause * 10
    for left in reversed(range(1 + (rule.retry.attempts if rule.retry is not None else 0))):
        if attempt is None:
            return whole
        now += attempt
        if left:
            now += pause
            pause = pause * 2 if pause < longest / 2 else longest
        if whole is not None and now >= whole:
            return whole
    return now


NAMES = tuple(CHAIN)


@given(st.fixed_dictionaries({name: st.integers(0, 4) for name in NAMES}))
def test_the_worst_amplification_is_that_of_a_chain_in_which_everything_fails(attempts: dict[str, int]) -> None:
    """Played through along the longest path, call by call."""
    path = ("shop", "orders", "steamer", "pantry")
    policies = {name: one(retry=Retry(attempts=more)) for name, more in attempts.items() if more}
    calls = Counter[str]()

    def call(index: int) -> None:
        for _ in range(1 + attempts[path[index]]):
            calls[path[index]] += 1
            if index + 1 < len(path):
                call(index + 1)

    call(0)
    said = [line for line in told(policies) if line.startswith(f"warning {' → '.join(path)}:")]
    retried = [name for name in path if attempts[name]]
    too_often = [
        name for name in path if calls[name] >= TOO_OFTEN and len(set(path[: path.index(name) + 1]) & set(retried)) > 1
    ]
    if too_often[:1] == ["pantry"]:
        assert [f"becomes up to {calls['pantry']} at pantry" in line for line in said] == [True]
    else:
        assert said == []  # or at a path that is shorter


@given(st.dictionaries(st.sampled_from(NAMES), TIMED))
def test_every_pair_of_which_the_inner_may_outlive_the_outer_is_told_and_no_other(rules: dict[str, Rule]) -> None:
    limits = {name: played(rule) for name, rule in rules.items()}
    policies = {name: TrafficPolicy(rules=(rule,)) for name, rule in rules.items()}
    pairs = {(a, b) for path in paths(mesh()) for index, a in enumerate(path) for b in path[index + 1 :]}
    outlived = {
        f"{outer} → {inner}"
        for outer, inner in pairs
        if (most := limits.get(outer)) is not None
        and (longest := limits.get(inner)) is not None
        and longest > most + 1e-9
    }

    places = {finding.place for finding in lint(policies, mesh()) if "gives up after" in finding.message}
    assert places == outlived


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


def test_attempts_that_just_fit_are_not_said_not_to() -> None:
    fits = one(timeouts=Timeouts(request=0.3, backend_request=0.1), retry=Retry(attempts=2))

    assert told({"pantry": fits}) == []


def test_circles_end_and_dense_graphs_are_not_followed_for_ever() -> None:
    assert list(paths(mesh({"shop": ("a",), "a": ("b",), "b": ("a",)}))) == [("shop", "a", "b")]
    dense = {f"s{one}": tuple(f"s{other}" for other in range(one + 1, 16)) for one in range(16)}
    assert told({}, Mesh(callees=dense, versions={}, ready={}, entries=("s0",))) == [
        f"info project: only the first {MOST_PATHS} paths of calls were followed"
    ]
