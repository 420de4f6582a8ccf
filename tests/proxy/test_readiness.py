from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.model import BackendRef, Rule, TrafficPolicy
from sandbox.proxy.readiness import passed_over, shares
from sandbox.proxy.target import Around, Callee
from tests.proxy.mesh import a_service
from tests.proxy.steered import split

AROUND = Around(inbound_socket=Path("in"), breaking_socket=Path("out"))


def callee(*ready: str, rules: tuple[Rule, ...] = ()) -> Callee:
    return Callee(a_service("steamer", versions=("v1", "v2", "v3"), policy=TrafficPolicy(rules=rules)), ready, AROUND)


@pytest.mark.parametrize(
    ("backends", "ready", "expected"),
    [
        (split(v1=90, v2=10), ("v1", "v2"), {"v1": 90, "v2": 10}),
        (split(v1=90, v2=10), ("v2", "v3"), {"v2": 10}),
        (split(v1=90, v2=10), ("v3",), {"v1": 90, "v2": 10}),  # none of them: they answer for themselves
        (split(v1=0, v2=1), ("v1",), {"v2": 1}),
        (split(v1=0), ("v1",), {}),
        ((BackendRef(version="v1"), BackendRef(version="v1")), ("v1",), {"v1": 2}),
        ((), ("v1", "v3"), {"v1": 1, "v3": 1}),
    ],
)
def test_weights_are_those_of_ready_versions(
    backends: tuple[BackendRef, ...], ready: tuple[str, ...], expected: dict[str, int]
) -> None:
    assert shares(Rule(backends=backends), callee(*ready)) == expected


def test_who_is_passed_over_is_said() -> None:
    rules = (Rule(backends=split(v1=90, v2=10)), Rule(backends=split(v2=1)), Rule(backends=split(v1=1)), Rule())
    found = passed_over("steamer", TrafficPolicy(rules=rules), {"v2", "v3"})

    assert [(one.rule, one.versions, one.instead, one.sentence) for one in found] == [
        (1, ("v2",), ("v1",), "rule 1 of steamer: v2 has no ready instance; v1 takes its share"),
        (2, ("v2",), (), "rule 2 of steamer: v2 has no ready instance, and it names no other: its requests get 503"),
    ]


def test_several_are_said_together_and_who_gets_nothing_anyway_is_not_missed() -> None:
    rules = (Rule(backends=split(v1=1, v2=1, v3=0)), Rule(backends=split(v1=0, v2=1, v3=1)))
    found = passed_over("steamer", TrafficPolicy(rules=rules), {"v1", "v3"})

    assert [one.sentence for one in found] == [
        "rule 1 of steamer: v1 has no ready instance; v2 takes its share",
        "rule 2 of steamer: v3 has no ready instance; v2 takes its share",
    ]
