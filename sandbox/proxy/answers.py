"""What a rule answers itself instead of passing a request on: redirects and direct responses. Pure."""

from __future__ import annotations

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import DirectResponseAction, Route

from sandbox.model import Match, Rule
from sandbox.proxy.rewrites import redirect_action
from sandbox.proxy.target import Target

EVERY_REQUEST = (Match(),)

LONGEST_BODY = 1 << 20
"""Bytes of a direct response. Envoy's own limit is 4 KB."""


def answers_itself(rule: Rule) -> bool:
    return rule.redirect is not None or rule.direct_response is not None


def own_answer(rule: Rule, match: Match) -> Route:
    """Of a rule that answers itself."""
    if rule.redirect is not None:
        return Route(redirect=redirect_action(rule.redirect, match))
    assert rule.direct_response is not None
    return _text(rule.direct_response.status, rule.direct_response.body)


def nothing_chosen(target: Target) -> Route:
    return _text(503, f"sandbox: every weight in this traffic rule of {target.callee.service.name} is 0\n")


def _text(status: int, body: str) -> Route:
    answer = DirectResponseAction(status=status)
    if body:
        answer.body.CopyFrom(DataSource(inline_string=body))
    return Route(direct_response=answer)
