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
    assert [str(one) for one in passed_over(callee("v1", rules=rules))] == [
        "rule 1 of steamer: v2 has no ready instance; v1 takes its share",
        "rule 2 of steamer: v2 has no ready instance, and it names no other: its requests get 503",
    ]
