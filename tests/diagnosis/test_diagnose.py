"""What is told of all causes together, and when nothing is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.control import Confidence, Metric, Status
from sandbox.diagnosis import EdgeNumbers, diagnose
from sandbox.diagnosis.graph import callees, entries, paths_from
from sandbox.events import Event, Kind
from sandbox.model import (
    AuthorizationAction,
    AuthorizationRule,
    Delay,
    Fault,
    Objectives,
    RateLimit,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from tests.diagnosis.scenes import CHAIN, edge, event, evidence, first, service, why


def test_nothing_is_wrong() -> None:
    found = why("storefront")

    assert found.healthy
    assert found.causes == ()
    assert found.summary == (
        "nothing is wrong with storefront and the 3 services it calls that could be seen: "
        "40 requests a second, hardly any of which failed, in the last 60 s"
    )
    assert found.edges["storefront → orders"] == "10 requests a second, p99 20 ms"


def test_without_traffic_that_is_said() -> None:
    idle = [EdgeNumbers(caller=a, callee=b) for a, b in zip(("gateway", *CHAIN[:-1]), CHAIN, strict=True)]

    assert "there was no traffic to see" in why("storefront", *idle).summary


def test_a_cause_that_nobody_knows_is_told_as_not_known_with_what_was_looked_at() -> None:
    failing = [edge(a, b, errors=3, flags={"UMSDR": 3.0}) for a, b in zip(("gateway", *CHAIN[:-1]), CHAIN, strict=True)]
    found = why("storefront", *failing, looked_at=("status", "numbers"), missing=("logs: can't be read",))

    assert not found.healthy
    assert first(found).kind == "unknown"
    assert first(found).confidence is Confidence.UNKNOWN
    assert first(found).message.endswith("fail; why is not known")
    assert found.looked_at == ("status", "numbers", "logs: can't be read")


def test_a_fault_that_was_just_taken_back_explains_what_still_fails_in_the_numbers() -> None:
    failing = edge("gateway", "storefront", errors=3, faults=3, flags={"FI": 3.0})
    found = why("storefront", failing, events=(event(Kind.FAULT_REMOVED, "no fault", "storefront", before=7),))

    assert (first(found).kind, first(found).confidence) == ("fault_over", Confidence.LIKELY)
    assert first(found).message == "a fault was injected into storefront, and was taken back 7 s ago"
    old = (event(Kind.FAULT_REMOVED, "no fault", "storefront", before=90),)
    assert first(why("storefront", failing, events=old)).kind == "unknown"


def test_slower_than_promised_for_no_known_reason() -> None:
    promised = {"storefront": Objectives(latency={"p99": 0.1})}
    slow = [edge("gateway", "storefront", p99=150), edge("storefront", "orders", p99=90)]
    found = first(why("storefront", *slow, objectives=promised))

    assert found.message == "storefront is slower than its objective: p99 is 150 ms, not 100 ms; why is not known"


def test_the_deepest_is_first_and_consequences_are_last() -> None:
    found = why(
        "storefront",
        edge("gateway", "storefront", rate_limited=1),
        edge("orders", "steamer", denied=1),
        edge("steamer", "pantry", errors=5),
        policies={
            "storefront": TrafficPolicy(rate_limit=RateLimit(requests=1)),
            "steamer": TrafficPolicy(authorization=(AuthorizationRule(action=AuthorizationAction.DENY),)),
        },
    )

    assert [(cause.service, cause.kind) for cause in found.causes] == [
        ("steamer", "denied"),
        ("storefront", "rate_limited"),
        ("pantry", "own_errors"),
    ]


def test_a_fault_that_was_just_injected_comes_before_what_has_been_so_for_long() -> None:
    injected = event(Kind.FAULT_INJECTED, "a fault", "steamer", before=10)
    rules = {
        "steamer": TrafficPolicy(rules=(Rule(fault=Fault(delay=Delay(fixed=2, percentage=50))),)),
        "pantry": TrafficPolicy(rules=(Rule(timeouts=Timeouts(request=0.1)),)),
    }
    numbers = (edge("orders", "steamer", faults=1), edge("steamer", "pantry", errors=2, timeouts=2))

    def kinds(*events: Event, fault: EdgeNumbers = numbers[0]) -> list[str]:
        return [cause.kind for cause in why("storefront", fault, numbers[1], policies=rules, events=events).causes]

    assert kinds(injected) == ["fault_injected", "timeout_short"]
    assert kinds(event(Kind.FAULT_INJECTED, "a fault", "steamer", before=200)) == ["timeout_short", "fault_injected"]
    newer = event(Kind.POLICY_APPLIED, "a limit", "pantry", before=3)
    assert kinds(injected, newer) == ["timeout_short", "fault_injected"]
    hardly = edge("orders", "steamer", faults=0.05)
    assert kinds(injected, fault=hardly) == ["timeout_short", "fault_injected"]


def test_only_what_a_service_calls_can_be_to_blame_for_it() -> None:
    assert why("pantry", service("orders", Status.UNHEALTHY, "x")).healthy
    assert not why("orders", service("pantry", Status.UNHEALTHY, "x")).healthy


def test_of_everything_the_worst_is_found_wherever_it_is() -> None:
    found = why(None, service("pantry", Status.UNHEALTHY, "GET /healthz answered 500"))

    assert found.target == "bakery"
    assert found.path == CHAIN


def test_who_calls_in_circles_is_walked_once() -> None:
    found = evidence(edge("pantry", "storefront"), edge("pantry", "pantry"))

    assert paths_from("pantry", callees(found))["steamer"] == ("pantry", "storefront", "orders", "steamer")
    assert entries(found) == ("storefront",)


RATES = st.floats(0, 100)
METRICS = st.dictionaries(st.sampled_from(Metric), st.none() | RATES, max_size=12)
EDGES = st.lists(
    st.builds(
        EdgeNumbers,
        caller=st.sampled_from(("gateway", "elsewhere", *CHAIN)),
        callee=st.sampled_from(("outside", *CHAIN)),
        values=METRICS,
        flags=st.dictionaries(st.sampled_from(("UH", "UC", "ZZ")), RATES, max_size=2),
    ),
    max_size=6,
)


@given(EDGES, st.sampled_from([None, *CHAIN]), st.sampled_from(Status), st.none() | st.text(max_size=20))
def test_whatever_it_sees_it_says_something_and_never_guesses(
    edges: list[EdgeNumbers], target: str | None, status: Status, reason: str | None
) -> None:
    found = diagnose(evidence(*edges, service("orders", status, reason)), target)

    assert found.summary
    assert found.healthy == (not found.causes)
    for cause in found.causes:
        assert cause.message
        assert cause.facts or cause.confidence is not Confidence.CERTAIN or cause.kind in ("build_failed", "proxy_down")
