from __future__ import annotations

import pytest

from sandbox.control import RequestHead
from sandbox.model import (
    Abort,
    AuthorizationAction,
    AuthorizationRule,
    Delay,
    DirectResponse,
    Fault,
    Mirror,
    RateLimit,
    Redirect,
    Retry,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from sandbox.traffic.explain import explain
from sandbox.traffic.router import Callee, decide
from tests.traffic.policies import ME, YOU, split

STEAMER = Callee(name="steamer", versions=("v1", "v2"))
GET = RequestHead(service="steamer", caller="orders")
MINE = RequestHead(service="steamer", caller="orders", headers={"X-User": "me"})
ALLOW, DENY = AuthorizationAction.ALLOW, AuthorizationAction.DENY


def policy(*rules: Rule) -> TrafficPolicy:
    return TrafficPolicy(rules=rules)


def test_without_rules_all_versions_get_it_alike() -> None:
    decision = decide(policy(), GET, STEAMER)

    assert (decision.index, decision.backends) == (None, (("v1", 0.5), ("v2", 0.5)))


def test_the_first_rule_that_fits_holds() -> None:
    rules = policy(Rule(matches=(YOU, ME), backends=split(v2=1)), Rule(backends=split(v1=3, v2=1)))

    assert decide(rules, MINE, STEAMER).backends == (("v2", 1.0),)
    assert decide(rules, GET, STEAMER).backends == (("v1", 0.75), ("v2", 0.25))


def test_a_version_without_a_ready_instance_gets_nothing_unless_there_is_no_other() -> None:
    rules = policy(Rule(backends=split(v1=90, v2=10)))

    def given(*ready: str) -> tuple[tuple[str, float], ...]:
        return decide(rules, GET, Callee(name="steamer", versions=("v1", "v2"), ready=frozenset(ready))).backends

    assert given("v1") == (("v1", 1.0),)
    assert given() == (("v1", 0.9), ("v2", 0.1))


@pytest.mark.parametrize(
    ("rules", "head", "reason"),
    [
        ([(DENY, "", "")], GET, "authorization rule 1 denies it"),
        ([(DENY, "orders", "/admin*")], GET, ""),
        ([(ALLOW, "shop", ""), (ALLOW, "orders", "/")], GET, ""),
        ([(ALLOW, "shop", "")], GET, "none of the rules that allow calls fits it"),
        ([(ALLOW, "orders", ""), (DENY, "orders", "")], GET, "authorization rule 2 denies it"),
    ],
)
def test_who_may_call_what(rules: list[tuple[AuthorizationAction, str, str]], head: RequestHead, reason: str) -> None:
    authorization = tuple(
        AuthorizationRule(action=action, callers=(caller,) if caller else (), paths=(path,) if path else ())
        for action, caller, path in rules
    )

    assert decide(TrafficPolicy(authorization=authorization), head, STEAMER).denied == reason


def test_only_who_declares_it_may_call_where_the_mesh_wants_that() -> None:
    callee = Callee(name="steamer", versions=("v1",), declared=frozenset({"shop"}))

    assert decide(policy(), GET, callee).denied == "orders does not declare that it calls steamer"


def test_an_explanation_reads_like_the_way_of_a_request() -> None:
    rules = TrafficPolicy(
        rules=(
            Rule(matches=(YOU,), name="yours", backends=split(v2=1)),
            Rule(
                backends=split(v1=90, v2=10),
                fault=Fault(delay=Delay(fixed=2.0, percentage=50), abort=Abort(http_status=503, percentage=10)),
                timeouts=Timeouts(request=1.5),
                retry=Retry(attempts=2, codes=(503,)),
                mirrors=(Mirror(version="v2", percentage=5),),
            ),
        ),
        rate_limit=RateLimit(requests=10),
    )

    told = explain(rules, MINE, Callee(name="steamer", versions=("v1", "v2"), ready=frozenset({"v1"})))

    assert told.answered_by == "steamer v1"
    assert [(rule.name, rule.fits, rule.why) for rule in told.rules] == [
        ("rule 1 (yours)", False, "requests with x-user: you: header x-user is 'me', not you"),
        ("rule 2", True, "it is for every request"),
    ]
    assert told.steps == (
        "beyond 10 in 1 s it is answered with 429",
        "a fault holds 50 % of them back for 2 s",
        "a fault answers 10 % of them with 503",
        "it goes to steamer v1",
        "v2 has no ready instance, so it gets none",
        "it is copied to v2 for 5 %; the answer to that is thrown away",
        "time limit: 1.5 s",
        "tried 2 times more after 503",
    )


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        (Rule(redirect=Redirect(hostname="b.test", status=301)), "301 redirect to b.test"),
        (Rule(direct_response=DirectResponse(status=418)), "418: the rule answers by itself"),
        (Rule(backends=split(v1=0)), "503: no version of steamer gets it"),
    ],
)
def test_answers_that_come_from_no_version(rule: Rule, answer: str) -> None:
    assert explain(policy(rule), GET, STEAMER).answered_by == answer
