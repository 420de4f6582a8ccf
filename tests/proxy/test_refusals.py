"""What Envoy refuses changes nothing, and says where it comes from."""

from __future__ import annotations

import pytest

from sandbox.errors import ProxyError, RefusedPolicyError
from sandbox.model import HeaderMatch, Match, MatchType, Rule, TrafficPolicy
from sandbox.proxy.refusals import located
from tests.proxy.mesh import Mesh, a_service
from tests.proxy.steered import only, steered
from tests.proxy.test_sharing import a_topology


def where(value: str) -> Match:
    return Match(headers=(HeaderMatch(name="x", value=value, type=MatchType.REGULAR_EXPRESSION),))


async def test_a_policy_that_envoy_refuses_changes_nothing_and_is_named(mesh: Mesh) -> None:
    good = (Rule(matches=(where("a+"),), backends=only("v1")), Rule(backends=only("v2")))
    stage = await steered(mesh, None, *good, versions=("v1", "v2"))
    with pytest.raises(RefusedPolicyError) as error:
        await stage.set(TrafficPolicy(rules=(good[0], Rule(matches=(where("(b"),), backends=only("v1")), good[1])))
    assert error.value.place == "traffic.steamer.rules[1]"
    assert "missing )" in error.value.message
    assert (await stage.ask(headers={"x": "a"})).name == "v1"
    assert (await stage.ask()).name == "v2"


def test_whose_text_is_repeated_it_is() -> None:
    policy = TrafficPolicy(rules=(Rule(matches=(where("ok"),)), Rule(matches=(where("[za"),))))
    other = TrafficPolicy(rules=(Rule(matches=(where("za"),), backends=only("v1")),))
    refused = a_topology(a_service("one", policy=other), a_service("two", policy=policy), callers=())
    found = located(ProxyError("routes: missing ]: [za"), None, refused)
    assert isinstance(found, RefusedPolicyError)
    assert found.place == "traffic.two.rules[1]"


def test_a_rule_that_envoy_has_taken_before_is_not_what_it_refuses() -> None:
    old = Rule(matches=(where("a.*b"),))
    new = Rule(matches=(where("a.*"),))
    good = a_topology(a_service("one", policy=TrafficPolicy(rules=(old,))), callers=())
    refused = a_topology(a_service("one", policy=TrafficPolicy(rules=(new, old))), callers=())
    assert located(ProxyError("routes: too large: a.*b"), good, refused).place == "traffic.one.rules[0]"


def test_a_cluster_that_is_named_names_its_service() -> None:
    policies = [TrafficPolicy(concurrency=number) for number in (1, 2)]
    refused = a_topology(a_service("one", policy=policies[0]), a_service("two", policy=policies[1]), callers=())
    found = located(ProxyError("cluster: Error adding/updating edge|one|two|v1|8000: no"), None, refused)
    assert found.place == "traffic.two"


def test_where_several_may_be_meant_none_is_named() -> None:
    policies = [TrafficPolicy(concurrency=number) for number in (1, 2)]
    refused = a_topology(a_service("one", policy=policies[0]), a_service("two", policy=policies[1]), callers=())
    assert located(ProxyError("routes: no"), None, refused).place == "traffic"


def test_what_no_policy_explains_stays_as_it_is() -> None:
    error = ProxyError("listener: no")
    assert located(error, None, a_topology(a_service("one"), callers=())) is error
