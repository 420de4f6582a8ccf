from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given

from sandbox.control import Edit, EditAction, RequestHead
from sandbox.errors import UsageError
from sandbox.model import (
    AuthorizationAction,
    AuthorizationRule,
    Delay,
    DirectResponse,
    Fault,
    HeaderMatch,
    Match,
    OutlierDetection,
    RateLimit,
    Retry,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from sandbox.traffic.edits import edited, fragment
from sandbox.traffic.router import Callee, decide
from tests.traffic.policies import ME, VERSIONS, YOU, clearing, edits, heads, path, policies, some_matches, split

NINETY_TEN = TrafficPolicy(rules=(Rule(matches=(YOU,), backends=split(v2=1)), Rule(backends=split(v1=90, v2=10))))
SLOW = Fault(delay=Delay(fixed=2.0))
STEAMER = Callee(name="steamer", versions=VERSIONS)


def edit(action: EditAction, match: bool = False, **values: Any) -> Edit:
    return Edit(service="steamer", action=action, values=values or {"x": 1}, match={"headers": {}} if match else {})


def one(**rule: Any) -> TrafficPolicy:
    return TrafficPolicy(rules=(Rule(**rule),))


# --- what short forms mean --------------------------------------------------------------------------------------------


def test_a_split_is_of_all_requests_that_no_other_rule_takes() -> None:
    after = edited(NINETY_TEN, edit(EditAction.SPLIT), one(backends=split(v1=1, v2=1)))

    assert [rule.backends for rule in after.rules] == [split(v2=1), split(v1=1, v2=1)]


def test_a_fault_without_a_match_is_in_every_rule() -> None:
    after = edited(NINETY_TEN, edit(EditAction.FAULT), one(fault=SLOW))

    assert [rule.fault for rule in after.rules] == [SLOW, SLOW]
    assert [rule.backends for rule in after.rules] == [rule.backends for rule in NINETY_TEN.rules]


def test_a_service_without_rules_gets_one() -> None:
    assert edited(TrafficPolicy(), edit(EditAction.FAULT), one(fault=SLOW)) == one(fault=SLOW)


def test_a_rule_for_some_requests_keeps_what_would_have_held_for_them() -> None:
    after = edited(NINETY_TEN, edit(EditAction.FAULT, match=True), one(matches=(ME,), fault=SLOW))

    assert after.rules[0] == Rule(matches=(ME,), fault=SLOW, backends=split(v1=90, v2=10))
    assert after.rules[1:] == NINETY_TEN.rules


def test_a_rule_stands_behind_narrower_ones_and_before_wider_ones() -> None:
    both = Match(headers=ME.headers, path=path("/a").path)
    before = TrafficPolicy(rules=(Rule(matches=(both,)), Rule(matches=(YOU,)), Rule(backends=split(v1=1))))

    after = edited(before, edit(EditAction.ROUTE, match=True), one(matches=(ME,), backends=split(v2=1)))

    assert [rule.matches for rule in after.rules] == [(both,), (ME,), (YOU,), ()]


def test_routing_takes_the_place_of_an_answer() -> None:
    before = one(direct_response=DirectResponse(status=503))

    after = edited(before, edit(EditAction.ROUTE), one(backends=split(v2=1)))

    assert after == one(backends=split(v2=1))


def test_a_time_limit_leaves_the_other_ones() -> None:
    before = one(timeouts=Timeouts(request=2.0, idle=9.0))

    after = edited(before, edit(EditAction.TIMEOUT), one(timeouts=Timeouts(request=1.0)))

    assert after == one(timeouts=Timeouts(request=1.0, idle=9.0))


def test_who_may_call() -> None:
    rule = AuthorizationRule(action=AuthorizationAction.DENY, callers=("mill",))
    deny = edit(EditAction.DENY)

    after = edited(NINETY_TEN, deny, TrafficPolicy(authorization=(rule,)))

    assert after.authorization == (rule,) and after.rules == NINETY_TEN.rules
    assert edited(after, deny, TrafficPolicy(authorization=(rule,))) == after
    assert edited(after, edit(EditAction.CLEAR, what="deny"), TrafficPolicy()) == NINETY_TEN


def test_keys_beside_the_rules() -> None:
    said = TrafficPolicy(outlier_detection=OutlierDetection(), rate_limit=RateLimit(requests=1))

    after = edited(NINETY_TEN, edit(EditAction.SET, outlierDetection={}), said)

    assert after.outlier_detection == OutlierDetection() and after.rate_limit is None
    assert edited(after, edit(EditAction.CLEAR, what="outlierDetection"), TrafficPolicy()) == NINETY_TEN


def test_a_limit_is_of_the_service_or_of_some_requests() -> None:
    limit = RateLimit(requests=5)

    whole = edited(NINETY_TEN, edit(EditAction.LIMIT), TrafficPolicy(rate_limit=limit))
    some = edited(NINETY_TEN, edit(EditAction.LIMIT, match=True), one(matches=(YOU,), rate_limit=limit))

    assert (whole.rate_limit, whole.rules) == (limit, NINETY_TEN.rules)
    assert [rule.rate_limit for rule in some.rules] == [limit, None]
    assert edited(whole, edit(EditAction.CLEAR, what="limit"), TrafficPolicy()) == NINETY_TEN


def test_clearing_all_of_a_rule_or_of_a_service() -> None:
    assert edited(NINETY_TEN, edit(EditAction.CLEAR, match=True, what="all"), one(matches=(YOU,))).rules == (
        NINETY_TEN.rules[1],
    )
    assert edited(NINETY_TEN, edit(EditAction.CLEAR, what="all"), TrafficPolicy()) == TrafficPolicy()


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no soup to clear"):
        edited(NINETY_TEN, edit(EditAction.CLEAR, what="soup"), TrafficPolicy())
    with pytest.raises(UsageError, match="can't set rules"):
        edited(NINETY_TEN, edit(EditAction.SET, rules=[]), TrafficPolicy())
    with pytest.raises(UsageError, match="says nothing"):
        fragment(Edit(service="steamer", action=EditAction.SPLIT))
    with pytest.raises(UsageError, match="for a whole service"):
        fragment(Edit(service="steamer", action=EditAction.LIMIT, values={"concurrency": 3}, match={"method": "GET"}))


def test_edits_in_the_words_of_the_file() -> None:
    def said(action: EditAction, match: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
        return fragment(Edit(service="steamer", action=action, values=values, match=match or {}))

    refs = [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]
    assert said(EditAction.SPLIT, v1=90, v2=10) == {"rules": [{"backendRefs": refs}]}
    assert said(EditAction.ROUTE, {"headers": {"x-user": "me"}}, version="v2") == {
        "rules": [{"matches": [{"headers": {"x-user": "me"}}], "backendRefs": [{"version": "v2"}]}]
    }
    assert said(EditAction.RETRY, attempts=2) == {"rules": [{"retry": {"attempts": 2}}]}
    assert said(EditAction.LIMIT, requests=5) == {"rateLimit": {"requests": 5}}
    assert said(EditAction.LIMIT, {"method": "GET"}, requests=5)["rules"][0]["rateLimit"] == {"requests": 5}
    assert said(EditAction.LIMIT, concurrency=3) == {"concurrency": 3}
    denied = {"authorization": [{"action": "DENY", "from": ["mill"]}]}
    deny = Edit(service="steamer", action=EditAction.DENY, values={"from": ["mill"], "methods": []})
    assert fragment(deny) == denied


# --- what holds for all of them ---------------------------------------------------------------------------------------


@given(policies, edits())
def test_an_edit_again_changes_nothing(policy: TrafficPolicy, made: tuple[Edit, TrafficPolicy]) -> None:
    once = edited(policy, *made)

    assert edited(once, *made) == once


@given(policies, edits())
def test_the_order_of_rules_stays(policy: TrafficPolicy, made: tuple[Edit, TrafficPolicy]) -> None:
    after = edited(policy, *made)

    kept = [rule.matches for rule in after.rules if rule.matches in {one.matches for one in policy.rules}]
    assert kept == [rule.matches for rule in policy.rules]


@given(policies, edits(match=some_matches))
def test_clear_undoes_a_rule_that_was_made(policy: TrafficPolicy, made: tuple[Edit, TrafficPolicy]) -> None:
    assume(made[1].rules[0].matches not in {rule.matches for rule in policy.rules})

    assert edited(edited(policy, *made), *clearing(*made)) == policy


@given(policies, edits(match=some_matches), heads)
def test_an_edit_holds_for_what_it_is_about_and_nothing_else(
    policy: TrafficPolicy, made: tuple[Edit, TrafficPolicy], head: RequestHead
) -> None:
    """Where an earlier rule takes the request, that one goes on to hold."""
    (said,) = made[1].rules
    before, after = decide(policy, head, STEAMER), decide(edited(policy, *made), head, STEAMER)

    about = decide(TrafficPolicy(rules=(Rule(matches=said.matches),)), head, STEAMER).index is not None
    if not about:
        assert after.rule == before.rule
    elif after.rule.matches == said.matches:
        name = next(
            name
            for name in ("backends", "fault", "timeouts", "retry", "rate_limit", "mirrors")
            if getattr(said, name) != getattr(Rule(), name)
        )
        assert name == "timeouts" or getattr(after.rule, name) == getattr(said, name)


def test_retries_of_a_header_that_has_a_rule_already() -> None:
    retry = Retry(attempts=2)
    before = TrafficPolicy(rules=(Rule(matches=(Match(headers=(HeaderMatch(name="x-user", value="me"),)),)),))

    after = edited(before, edit(EditAction.RETRY, match=True), one(matches=(ME,), retry=retry))

    assert after == one(matches=(ME,), retry=retry)
