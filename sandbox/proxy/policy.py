"""A callee's traffic policy -> the routes to one of its ports. Pure.

First come the routes that refuse, then those of each rule in turn: for each of its matches one or two (see `retries`),
and before them those for a part of the requests (faults that break off, sessions that stay with a version).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.base_pb2 import HeaderValueOption, RuntimeFractionalPercent
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, Route, RouteAction, RouteMatch, WeightedCluster
from google.protobuf.wrappers_pb2 import UInt32Value

from sandbox.errors import ProxyError
from sandbox.model import HeaderModifier, Match, Rule, Timeouts
from sandbox.proxy.answers import EVERY_REQUEST, answers_itself, nothing_chosen, own_answer
from sandbox.proxy.authorization import denials, no_tunnel, refuses_all
from sandbox.proxy.egress import external_host
from sandbox.proxy.faults import breaking_route, breaks_off
from sandbox.proxy.gates import gate_of
from sandbox.proxy.guard import is_guarded
from sandbox.proxy.inbound import OURS, guarded_headers, nowhere, rule_key, to_cluster
from sandbox.proxy.matches import concerns, own_requests, route_match
from sandbox.proxy.names import route_name
from sandbox.proxy.protections import hash_policies
from sandbox.proxy.readiness import is_ready, shares
from sandbox.proxy.retries import Part, hedging, parts, retry_policy
from sandbox.proxy.rewrites import rewrite
from sandbox.proxy.sessions import remember, remembered
from sandbox.proxy.target import Numbered, Target, numbered
from sandbox.proxy.topology import MeshService
from sandbox.proxy.upstreams import by_way
from sandbox.proxy.values import duration, header, metadata, share


@dataclass(frozen=True, slots=True)
class Step:
    """One match of one rule for one target: what one or several routes are made of."""

    target: Target
    of: Numbered
    match: Match
    index: int  # of the match in its rule

    @property
    def rule(self) -> Rule:
        return self.of.rule

    @property
    def guarded(self) -> bool:
        return is_guarded(self.rule, self.target.policy)

    @property
    def name(self) -> str:
        return route_name(self.target.callee.service.name, self.of.number)

    def matching(self, *extra: HeaderMatcher) -> RouteMatch:
        return route_match(self.match, self.target, extra)


def routes(target: Target) -> Iterator[Route]:
    """In the order in which they are tried. What no rule matches goes to all versions alike."""
    yield from denials(target)
    if refuses_all(target):
        return
    for one in numbered(target.policy):
        for index, match in enumerate(one.rule.matches or EVERY_REQUEST):
            if concerns(match, target):
                yield from _routes_of(Step(target, one, match, index))
        if not one.rule.matches:
            return


def tunnel(target: Target) -> Route:
    """CONNECT, for clients that tunnel plain HTTP: the connection goes to the service by the first rule for all that
    has versions. What is in the tunnel can't be looked at."""
    match = RouteMatch(connect_matcher=RouteMatch.ConnectMatcher(), headers=own_requests(target))
    refused = no_tunnel(target)
    one = next(one for one in numbered(target.policy) if not one.rule.matches and not answers_itself(one.rule))
    weights = shares(one.rule, target.callee)
    if refused is not None or not weights:
        route = refused if refused is not None else nothing_chosen(target)
        route.match.CopyFrom(match)
        return route
    action = RouteAction(timeout=duration(0))
    _choose(action, weights, target)
    action.upgrade_configs.append(terminated_connect())
    return Route(name=route_name(target.callee.service.name, one.number), match=match, route=action)


def terminated_connect() -> RouteAction.UpgradeConfig:
    return RouteAction.UpgradeConfig(upgrade_type="CONNECT", connect_config=RouteAction.UpgradeConfig.ConnectConfig())


def check_policy(service: MeshService) -> None:
    """ProxyError when a rule names a version that the service does not have."""
    for number, rule in enumerate(service.policy.rules, 1):
        for version in (*(one.version for one in rule.backends), *(one.version for one in rule.mirrors)):
            if version not in service.versions:
                raise ProxyError(
                    f"rule {number} names version {version!r}, which {service.name} does not have",
                    place=f"traffic of {service.name}",
                    hint=f"its versions are {', '.join(service.versions)}",
                )


# --- one match of one rule


def _routes_of(step: Step) -> Iterator[Route]:
    if breaks_off(step.rule.fault):
        assert step.rule.fault is not None
        yield breaking_route(step.rule.fault, step.matching(), step.target, step.name)
    if answers_itself(step.rule):
        yield _answer(step)
        return
    weights = shares(step.rule, step.target.callee)
    if not weights:
        yield _finished(nothing_chosen(step.target), step.matching(), step)
        return
    session = step.target.policy.session_persistence
    for version in weights if session is not None and len(weights) > 1 else ():
        assert session is not None
        yield from _forwarding(step, {version: 1}, remembered(session, version))
    yield from _forwarding(step, weights)


def _answer(step: Step) -> Route:
    if not step.guarded:
        return _finished(own_answer(step.rule, step.match), step.matching(), step)
    action = RouteAction(cluster=step.target.cluster(step.target.callee.ready[0], guarded=True), timeout=duration(0))
    _through_gate(action, step)
    route = Route(route=action, request_headers_to_add=[nowhere()])
    return _finished(route, step.matching(), step, rule_key(step.of, step.index))


def _forwarding(step: Step, weights: Mapping[str, int], *extra: HeaderMatcher) -> Iterator[Route]:
    for part in parts(step.match, step.rule):
        match = step.matching(*extra, *part.extra)
        yield _finished(_forward(step, weights, part), match, step, rule_key(step.of))


def _forward(step: Step, weights: Mapping[str, int], part: Part) -> Route:
    rule, target = step.rule, step.target
    action = RouteAction(
        timeout=duration(_whole_timeout(rule)),
        retry_policy=retry_policy(rule, repeatable=part.repeatable, guarded=step.guarded),
        hedge_policy=hedging(rule) if part.repeatable else None,
        request_mirror_policies=_mirrors(rule, target, guarded=step.guarded),
        hash_policy=() if step.guarded else hash_policies(target.policy.load_balancer, inbound=False),
    )
    if rule.timeouts.idle:
        action.idle_timeout.CopyFrom(duration(rule.timeouts.idle))
    if rule.rewrite is not None:
        rewrite(action, rule.rewrite, step.match)
    if target.callee.service.external is not None and not action.host_rewrite_literal:
        action.host_rewrite_literal = external_host(target.callee.service)
    _choose(action, weights, target, guarded=step.guarded)
    _through_gate(action, step)
    route = Route(route=action)
    if step.guarded and len(weights) == 1:
        route.request_headers_to_add.append(to_cluster(target, next(iter(weights))))
    return route


def _through_gate(action: RouteAction, step: Step) -> None:
    if (gate := gate_of(step.of, step.target.callee)) is not None:
        action.metadata_match.CopyFrom(by_way(gate.name))


def _finished(route: Route, match: RouteMatch, step: Step, key: str = "") -> Route:
    """What every route of a rule has, whatever it does. `key`: what the rule is known by behind, if it is guarded."""
    route.name = step.name
    route.match.CopyFrom(match)
    if step.of.number is not None:
        named = {"name": step.rule.name} if step.rule.name else {}
        fields = {"service": step.target.callee.service.name, "rule": str(step.of.number), **named}
        route.metadata.CopyFrom(metadata(fields))
    if step.rule.request_headers is not None:
        modifier = step.rule.request_headers
        route.request_headers_to_add.extend(_changes(modifier))
        route.request_headers_to_remove.extend(modifier.remove)
    if step.rule.response_headers is not None:
        route.response_headers_to_add.extend(_changes(step.rule.response_headers))
        route.response_headers_to_remove.extend(step.rule.response_headers.remove)
    if key and step.guarded:
        route.request_headers_to_add.extend(guarded_headers(step.target, step.of, key))
    return route


def _choose(action: RouteAction, weights: Mapping[str, int], target: Target, *, guarded: bool = False) -> None:
    if len(weights) == 1:
        action.cluster = target.cluster(next(iter(weights)), guarded=guarded)
        return
    for version, weight in weights.items():
        one = action.weighted_clusters.clusters.add(
            name=target.cluster(version, guarded=guarded), weight=UInt32Value(value=weight)
        )
        _distinguish(one, version, target, guarded=guarded)


def _distinguish(one: WeightedCluster.ClusterWeight, version: str, target: Target, *, guarded: bool) -> None:
    if guarded:
        one.request_headers_to_add.append(to_cluster(target, version))
        if target.policy.session_persistence is not None:
            one.response_headers_to_add.append(remember(target.policy.session_persistence, version))


def _mirrors(rule: Rule, target: Target, *, guarded: bool) -> list[RouteAction.RequestMirrorPolicy]:
    return [
        RouteAction.RequestMirrorPolicy(
            cluster=target.cluster(mirror.version),
            runtime_fraction=RuntimeFractionalPercent(default_value=share(mirror.percentage)),
            disable_shadow_host_suffix_append=True,
            request_headers_mutations=[HeaderMutation(remove=name) for name in OURS] if guarded else [],
        )
        for mirror in rule.mirrors
        if is_ready(mirror.version, target.callee)
    ]


def _changes(modifier: HeaderModifier) -> list[HeaderValueOption]:
    return [
        *(header(name, value) for name, value in modifier.set.items()),
        *(header(name, value, append=True) for name, value in modifier.add.items()),
    ]


def _whole_timeout(rule: Rule) -> float:
    """Without a `retry` there is one attempt, so the shorter of the two limits is the limit of the whole."""
    limits = [rule.timeouts.request] if rule.retry is not None else [rule.timeouts.request, _attempt(rule.timeouts)]
    return min((limit for limit in limits if limit), default=0.0)


def _attempt(timeouts: Timeouts) -> float | None:
    return timeouts.backend_request
