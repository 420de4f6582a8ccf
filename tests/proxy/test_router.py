"""The router of `sandbox.traffic` says where Envoy sends a request: generated requests and policies, to both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sandbox.control import RequestHead
from sandbox.model import (
    GATEWAY,
    AuthorizationAction,
    AuthorizationRule,
    DirectResponse,
    Fault,
    Redirect,
    Rule,
    TrafficPolicy,
)
from sandbox.traffic.router import Callee, Decision, decide
from tests.proxy.mesh import Answer, Mesh
from tests.proxy.steered import Steered, steered
from tests.traffic.policies import heads, policies

NAMES = {"orders": "store", "shop": "till", GATEWAY: GATEWAY}
STEAMER = Callee(name="steamer", versions=("v1", "v2"))

answers = st.none() | st.just(DirectResponse(status=418)) | st.just(Redirect(hostname="elsewhere.test"))
authorization = st.builds(
    AuthorizationRule,
    action=st.sampled_from(list(AuthorizationAction)),
    callers=st.lists(st.sampled_from(list(NAMES.values())), max_size=2, unique=True).map(tuple),
    methods=st.lists(st.sampled_from(["GET", "POST"]), max_size=1).map(tuple),
    paths=st.lists(st.sampled_from(["/a", "/a*", "/a/b", "*"]), max_size=2, unique=True).map(tuple),
)


@st.composite
def quick_policies(draw: st.DrawFn) -> TrafficPolicy:
    """Without delays, which say nothing here, and with answers that come from no version."""
    policy = draw(policies)
    rules = tuple(_answered(_quick(rule), draw(answers)) for rule in policy.rules)
    return replace(policy, rules=rules, authorization=tuple(draw(st.lists(authorization, max_size=2))))


def _quick(rule: Rule) -> Rule:
    matches = tuple(replace(one, callers=tuple(NAMES[name] for name in one.callers)) for one in rule.matches)
    return replace(rule, matches=matches, fault=Fault(abort=rule.fault.abort) if rule.fault is not None else None)


def _answered(rule: Rule, answer: DirectResponse | Redirect | None) -> Rule:
    if answer is None:
        return rule
    plain = replace(rule, backends=(), mirrors=(), fault=None)
    return replace(plain, redirect=answer) if isinstance(answer, Redirect) else replace(plain, direct_response=answer)


requests = heads.map(lambda head: replace(head, caller=NAMES[head.caller]))


@dataclass
class Envoy:
    runner: asyncio.Runner
    stage: Steered

    def steer(self, policy: TrafficPolicy) -> None:
        self.runner.run(self.stage.set(policy))

    def ask(self, head: RequestHead) -> Answer:
        sent = {"host": "steamer.localhost"} if head.caller == GATEWAY else {}
        return self.runner.run(
            self.stage.ask(
                head.path,
                method=head.method,
                caller=head.caller,
                headers={**head.headers, **sent},
                allow_redirects=False,
            )
        )


async def entered() -> Mesh:
    return await Mesh().__aenter__()


@pytest.fixture(scope="module")
def envoy() -> Iterator[Envoy]:
    with asyncio.Runner() as runner:
        mesh = runner.run(entered())
        try:
            yield Envoy(runner, runner.run(steered(mesh, versions=("v1", "v2"))))
        finally:
            runner.run(mesh.__aexit__(None, None, None))


def expected(decision: Decision) -> set[str]:
    """What may be seen: a version's name, or a status."""
    if decision.denied:
        return {"403"}
    if decision.rule.redirect is not None or decision.rule.direct_response is not None:
        return {"302"} if decision.rule.redirect is not None else {"418"}
    places = {version for version, _ in decision.backends} or {"503"}
    abort = decision.rule.fault.abort if decision.rule.fault is not None else None
    if abort is None:
        return places
    return {str(abort.http_status)} | (places if abort.percentage < 100 else set())


def seen(answer: Answer) -> str:
    return str(json.loads(answer.body)["name"]) if answer.status == 200 else str(answer.status)


@given(policy=quick_policies(), asked=st.lists(requests, min_size=8, max_size=8))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # a smaller example would cost minutes of requests
)
def test_the_router_and_envoy_agree(envoy: Envoy, policy: TrafficPolicy, asked: list[RequestHead]) -> None:
    envoy.steer(policy)

    for head in asked:
        answer = envoy.ask(head)
        assert seen(answer) in expected(decide(policy, head, STEAMER)), (head, answer.status, answer.text)
