"""A callee's traffic policy -> the routes to one of its ports. Pure.

Each rule becomes two routes for each of its matches: Envoy chooses what to retry by route, and only idempotent
methods may be sent again once they could have reached the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    WeightedCluster,
)
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from sandbox.errors import ProxyError
from sandbox.model import BackendRef, HeaderMatch, Match, MatchType, Retry, Rule, Timeouts
from sandbox.proxy.names import ClusterName
from sandbox.proxy.resource import pack
from sandbox.proxy.topology import MeshService

# Hosts are drawn by lot: with two of them, one draw in a thousand finds none but the one that has just failed.
_HOST_ATTEMPTS = 10
_DEFAULT_RETRY = Retry(attempts=2)
_NEVER_REACHED = "connect-failure,refused-stream,reset-before-request"
_IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")
# A regular expression would cost 3.5 KB in every route.
_NOT_IDEMPOTENT = [
    HeaderMatcher(name=":method", string_match=StringMatcher(exact=method), invert_match=True) for method in _IDEMPOTENT
]
_OTHER_HOST = RetryPolicy.RetryHostPredicate(
    name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(PreviousHostsPredicate())
)
_EVERY_REQUEST = (Match(),)


@dataclass(frozen=True, slots=True)
class Callee:
    """A service and its versions that take traffic; of those that have no choice, all are named."""

    service: MeshService
    ready: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One port of a callee as one caller (None: an undeclared one) sees it."""

    caller: str | None
    callee: Callee
    port: int
    where: HeaderMatch | None = None  # holds for this caller's requests among those of others

    def cluster(self, version: str) -> str:
        return str(ClusterName(self.caller, self.callee.service.name, version, self.port))

    def clusters(self) -> tuple[str, ...]:
        return tuple(self.cluster(version) for version in self.callee.service.versions)


def routes(target: Target) -> Iterator[Route]:
    """In the order in which they are tried. What no rule matches goes to all versions alike."""
    for rule in (*target.callee.service.policy.rules, Rule()):
        yield from _routes_of(rule, target)
        if not rule.matches:
            return


def tunnel(target: Target) -> Route:
    """CONNECT, for clients that tunnel plain HTTP: the connection goes to the service by the first rule for all."""
    rules = (*target.callee.service.policy.rules, Rule())
    action = _action(next(rule for rule in rules if not rule.matches), target)
    match = RouteMatch(connect_matcher=RouteMatch.ConnectMatcher(), headers=_own_requests(target))
    if action is None:
        return _nothing_chosen(match, target)
    action.upgrade_configs.append(terminated_connect())
    return Route(match=match, route=action)


def terminated_connect() -> RouteAction.UpgradeConfig:
    return RouteAction.UpgradeConfig(upgrade_type="CONNECT", connect_config=RouteAction.UpgradeConfig.ConnectConfig())


def check_policy(service: MeshService) -> None:
    """ProxyError when a rule names a version that the service does not have."""
    for rule in service.policy.rules:
        for backend in rule.backends:
            if backend.version not in service.versions:
                raise ProxyError(
                    f"a rule names version {backend.version!r}, which {service.name} does not have",
                    place=f"traffic of {service.name}",
                    hint=f"its versions are {', '.join(service.versions)}",
                )


def _routes_of(rule: Rule, target: Target) -> Iterator[Route]:
    action = _action(rule, target)
    for match in rule.matches or _EVERY_REQUEST:
        headers = [*_own_requests(target), *(_header(header) for header in match.headers)]
        if action is None:
            yield _nothing_chosen(RouteMatch(prefix="/", headers=headers), target)
            continue
        for idempotent in (False, True):
            extra = [] if idempotent else _NOT_IDEMPOTENT
            route = Route(match=RouteMatch(prefix="/", headers=[*headers, *extra]), route=action)
            route.route.retry_policy.CopyFrom(_retry(rule, idempotent=idempotent))
            yield route


def _action(rule: Rule, target: Target) -> RouteAction | None:
    """None when every weight is 0."""
    backends = rule.backends or tuple(BackendRef(version=version) for version in target.callee.ready)
    weights: dict[str, int] = {}
    for backend in backends:
        weights[backend.version] = weights.get(backend.version, 0) + backend.weight
    chosen = {version: weight for version, weight in weights.items() if weight > 0}
    if not chosen:
        return None
    action = RouteAction(timeout=_duration(_whole_timeout(rule)))
    if len(chosen) == 1:
        action.cluster = target.cluster(next(iter(chosen)))
    else:
        action.weighted_clusters.CopyFrom(_weighted(chosen, target))
    return action


def _weighted(chosen: dict[str, int], target: Target) -> WeightedCluster:
    return WeightedCluster(
        clusters=[
            WeightedCluster.ClusterWeight(name=target.cluster(version), weight=UInt32Value(value=weight))
            for version, weight in chosen.items()
        ]
    )


def _whole_timeout(rule: Rule) -> float:
    """Without a `retry` there is one attempt, so the shorter of the two limits is the limit of the whole."""
    limits = [rule.timeouts.request] if rule.retry is not None else [rule.timeouts.request, _attempt(rule.timeouts)]
    return min((limit for limit in limits if limit), default=0.0)


def _attempt(timeouts: Timeouts) -> float | None:
    return timeouts.backend_request


def _retry(rule: Rule, *, idempotent: bool) -> RetryPolicy:
    retry = rule.retry or _DEFAULT_RETRY
    base = max(0.001, retry.backoff)
    policy = RetryPolicy(
        retry_on=_retry_on(retry) if idempotent else _NEVER_REACHED,
        num_retries=UInt32Value(value=retry.attempts),
        retriable_status_codes=retry.codes if idempotent else (),
        retry_host_predicate=[_OTHER_HOST],
        host_selection_retry_max_attempts=_HOST_ATTEMPTS,
        retry_back_off=RetryPolicy.RetryBackOff(base_interval=_duration(base), max_interval=_duration(base * 10)),
    )
    if rule.retry is not None and rule.timeouts.backend_request:
        policy.per_try_timeout.CopyFrom(_duration(rule.timeouts.backend_request))
    return policy


def _retry_on(retry: Retry) -> str:
    causes = "connect-failure,refused-stream,reset"
    return f"{causes},retriable-status-codes" if retry.codes else causes


def _own_requests(target: Target) -> list[HeaderMatcher]:
    return [_header(target.where)] if target.where is not None else []


def _header(match: HeaderMatch) -> HeaderMatcher:
    if match.type is MatchType.PRESENT:
        return HeaderMatcher(name=match.name, present_match=True)
    # RE2's empty pattern is refused by Envoy and matches what the empty text matches.
    if match.type is MatchType.REGULAR_EXPRESSION and match.value:
        return HeaderMatcher(name=match.name, string_match=StringMatcher(safe_regex=RegexMatcher(regex=match.value)))
    return HeaderMatcher(name=match.name, string_match=StringMatcher(exact=match.value))


def _nothing_chosen(match: RouteMatch, target: Target) -> Route:
    text = f"sandbox: every weight in this traffic rule of {target.callee.service.name} is 0\n"
    return Route(match=match, direct_response=DirectResponseAction(status=503, body=DataSource(inline_string=text)))


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1_000_000))
    return duration
