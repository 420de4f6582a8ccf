from __future__ import annotations

from sandbox.model import (
    Abort,
    AuthorizationAction,
    AuthorizationRule,
    Delay,
    Fault,
    OutlierDetection,
    Retry,
    Rule,
    Timeouts,
    TrafficPolicy,
)
from sandbox.traffic.summary import summary
from tests.traffic.policies import ME, split

BEFORE = TrafficPolicy(rules=(Rule(backends=split(v1=90, v2=10)),))


def told(after: TrafficPolicy, before: TrafficPolicy = BEFORE) -> str:
    return summary({"steamer": before}, {"steamer": after})


def test_a_split_was_and_is() -> None:
    after = TrafficPolicy(rules=(Rule(backends=split(v1=1, v2=1)),))

    assert told(after) == "steamer: v1 50 %, v2 50 % (was v1 90 %, v2 10 %)"


def test_a_rule_more_and_a_rule_less() -> None:
    after = TrafficPolicy(rules=(Rule(matches=(ME,), backends=split(v2=1)), *BEFORE.rules))

    assert told(after) == "steamer: v2 for requests with x-user: me"
    assert told(BEFORE, after) == "steamer: no rule for requests with x-user: me any more"


def test_several_things_of_one_rule() -> None:
    fault = Fault(delay=Delay(fixed=2.0, percentage=50), abort=Abort(reset=True))
    rule = Rule(
        backends=BEFORE.rules[0].backends,
        fault=fault,
        timeouts=Timeouts(request=0.5),
        retry=Retry(attempts=1, codes=(503,)),
    )

    assert told(TrafficPolicy(rules=(rule,))) == (
        "steamer: 2 s later for 50 % and a reset connection (was no fault), 500 ms (was no time limit), "
        "tried once more after 503 (was no retries)"
    )


def test_what_stands_beside_the_rules() -> None:
    deny = AuthorizationRule(action=AuthorizationAction.DENY, callers=("mill",), paths=("/x",))
    after = TrafficPolicy(
        rules=BEFORE.rules, authorization=(deny,), outlier_detection=OutlierDetection(), concurrency=5
    )

    assert told(after) == "steamer: outlier detection changed, 5 requests at a time, deny mill: /x"
    assert told(TrafficPolicy(), after) == "steamer: no policy any more"


def test_it_stays_one_line() -> None:
    many = {f"service-{number}": BEFORE for number in range(50)}

    assert len(summary({}, many)) == 200
