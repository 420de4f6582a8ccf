"""Envoy accepts whatever the checks accept, and chooses as the pure router says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st

from sandbox.config.traffic.policies import parse_policies
from sandbox.control import RequestHead
from sandbox.errors import ConfigError, ProxyError
from sandbox.model import (
    GATEWAY,
    AuthorizationRule,
    DirectResponse,
    HeaderModifier,
    Match,
    MatchType,
    PathMatch,
    PathMatchType,
    Rule,
    TrafficPolicy,
)
from sandbox.traffic.router import Callee, decide
from tests.proxy.chooser import CALLERS, RULE_HEADER, VERSIONS, Chooser, drawn
from tests.proxy.mesh import Mesh
from tests.strategies.broken import broken_documents
from tests.strategies.traffic import policies
from tests.supervisor.build import a_project, a_service, a_version

POLICIES = int(os.environ.get("SANDBOX_POLICIES", "100"))
"""How many are drawn; 10,000 take a quarter of an hour (CONTRIBUTING.md)."""

AT_ONCE = 50
REQUESTS = 8  # to each policy

WHOM = (GATEWAY, *CALLERS)


@pytest.fixture
async def chooser(mesh: Mesh) -> AsyncIterator[Chooser]:
    made = Chooser(mesh)
    try:
        await made.prepare(AT_ONCE)
        yield made
    finally:
        await made.close()


@pytest.mark.timeout(60 + POLICIES)
async def test_envoy_accepts_what_the_checks_accept(chooser: Chooser) -> None:
    """What is drawn to be valid, and what the checks let through of documents with something wrong in them."""
    found = [*drawn(policies(VERSIONS, WHOM), POLICIES), *passing(drawn(broken_documents(), POLICIES // 3))]
    for start in range(0, len(found), AT_ONCE):
        batch = found[start : start + AT_ONCE]
        try:
            await chooser.steer(batch)
        except ProxyError as error:
            pytest.fail(f"{error.message}\n{await chooser.refused_among(batch)!r}")


def passing(documents: Sequence[Any]) -> Iterator[TrafficPolicy]:
    versions = tuple(a_version(name) for name in VERSIONS)
    project = a_project(*(a_service(name, *versions) for name in CALLERS), a_service("s", *versions, public=True))
    for one in documents:
        with suppress(ConfigError):
            yield parse_policies({"s": one}, project)["s"]


@pytest.mark.timeout(60 + POLICIES)
async def test_envoy_chooses_as_the_router_says(chooser: Chooser) -> None:
    cases = drawn(policies(VERSIONS, WHOM).map(bare).flatmap(asked), min(POLICIES, 300))
    for start in range(0, len(cases), AT_ONCE):
        batch = cases[start : start + AT_ONCE]
        await chooser.steer([policy for policy, _ in batch])
        for number, (policy, heads) in enumerate(batch):
            for head in heads:
                expected = expectation(policy, head, f"s{number}")
                choice = await chooser.choose(number, head)
                got = "denied" if choice.denied else choice.rule or "otherwise"
                assert got == expected, f"{head!r}\n{policy!r}"


def expectation(policy: TrafficPolicy, head: RequestHead, name: str) -> str:
    decision = decide(policy, head, Callee(name=name, versions=VERSIONS))
    if decision.denied:
        return "denied"
    return "otherwise" if decision.index is None else f"rule {decision.index}"


def bare(policy: TrafficPolicy) -> TrafficPolicy:
    """Only what chooses, and each rule answers by its index."""
    rules = tuple(
        Rule(
            matches=rule.matches,
            direct_response=DirectResponse(status=200),
            response_headers=HeaderModifier(set={RULE_HEADER: f"rule {index}"}),
        )
        for index, rule in enumerate(policy.rules)
    )
    return TrafficPolicy(rules=rules, authorization=policy.authorization)


def asked(policy: TrafficPolicy) -> st.SearchStrategy[tuple[TrafficPolicy, list[RequestHead]]]:
    """With requests that have a chance to fit: each begins as what a match wants."""
    wanted = [match for rule in policy.rules for match in rule.matches] or [Match()]
    heads = st.sampled_from(wanted).flatmap(lambda match: _near(match, policy.authorization))
    return st.tuples(st.just(policy), st.lists(heads, min_size=REQUESTS, max_size=REQUESTS))


@st.composite
def _near(draw: st.DrawFn, match: Match, allowed: tuple[AuthorizationRule, ...]) -> RequestHead:
    """What fits, but for some things at random."""
    for change in draw(st.lists(st.sampled_from(("path", "method", "headers", "query", "caller")), max_size=2)):
        match = _without(match, change)
    paths = [path.removesuffix("*") for one in allowed for path in one.paths] or ["/"]
    path = _path(match.path) if match.path is not None else draw(st.sampled_from([*paths, "/x"]))
    path += draw(st.sampled_from(["", "", "/", "x", "/x"]))
    path = path if path.startswith("/") else f"/{path}"
    query = "&".join(f"{one.name}={_value(one.type, one.value)}" for one in match.query_params)
    return RequestHead(
        service="s",
        method=match.method or draw(st.sampled_from(["GET", "POST", "PUT", "DELETE"])),
        path=f"{path}?{query}" if query else path,
        headers={one.name: _value(one.type, one.value) for one in match.headers},
        caller=draw(st.sampled_from(match.callers or WHOM)),
    )


def _without(match: Match, part: str) -> Match:
    match part:
        case "path":
            return replace(match, path=None)
        case "method":
            return replace(match, method=None)
        case "headers":
            return replace(match, headers=match.headers[:1])
        case "query":
            return replace(match, query_params=match.query_params[:1])
        case _:
            return replace(match, callers=())


def _path(path: PathMatch) -> str:
    if path.type is not PathMatchType.REGULAR_EXPRESSION:
        return path.value
    return "/abc" if "a-z" in path.value else "/v12"


_FITTING = {r"[a-z]+": "abc", r"v[0-9]{1,3}": "v12", r"(red|blue)-.*": "red-x", r"\d+\.\d+": "1.2", r"(?i)team": "TEAM"}


def _value(type_: MatchType, value: str) -> str:
    """Plain enough for any part of a request, so not always what the match wants."""
    text = _FITTING.get(value, "a") if type_ is MatchType.REGULAR_EXPRESSION else value
    return "".join(char for char in text if (char.isalnum() and char.isascii()) or char in "-.")
