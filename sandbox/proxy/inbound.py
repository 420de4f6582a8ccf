"""The inbound listener's routes: one for each rule that needs a filter or a gate, in a host for each service. Pure.

The caller's own routes have chosen rule and version; they say both in headers. What a route holds here holds for
all callers together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from envoy.config.core.v3.base_pb2 import DataSource, HeaderValueOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3.route_components_pb2 import DirectResponseAction, Route, RouteAction, RouteMatch, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from sandbox.model import AppProtocol, HeaderMatch
from sandbox.proxy import cors, faults, limits, sessions
from sandbox.proxy.answers import EVERY_REQUEST, LONGEST_BODY, answers_itself, own_answer
from sandbox.proxy.authorization import DENIED, SAYS_HEADER, SERVICE_HEADER
from sandbox.proxy.guard import guards, is_guarded
from sandbox.proxy.matches import header_matcher
from sandbox.proxy.names import INBOUND, route_name
from sandbox.proxy.protections import SOURCE_HEADER, hash_policies
from sandbox.proxy.replies import REASON_HEADER
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.retries import inbound_retry_policy
from sandbox.proxy.target import Callee, Numbered, Target, numbered
from sandbox.proxy.values import duration, formatted_header, header, metadata

RULE_HEADER = "x-sandbox-rule"
CLUSTER_HEADER = "x-sandbox-cluster"
FAULT_COUNTED_BY = "x-envoy-downstream-service-cluster"
"""Envoy counts faults by its value, as `http.inbound.fault.CALLER|CALLEE.delays_injected`."""

OURS = (
    *(SERVICE_HEADER, RULE_HEADER, CLUSTER_HEADER, SAYS_HEADER),
    *(limits.CALLER_HEADER, FAULT_COUNTED_BY, SOURCE_HEADER),
)


@dataclass(frozen=True, slots=True, eq=False)
class Inbound:
    """What one service brings: its host, its gates, and the clusters to its instances."""

    clusters: tuple[Resource, ...]
    host: VirtualHost
    gates: tuple[Resource, ...] = ()


def guarded_headers(target: Target, one: Numbered, key: str) -> list[HeaderValueOption]:
    """What gates and the inbound listener must know of a request beside its cluster."""
    caller, service = target.caller or "-", target.callee.service.name
    found = [
        header(SERVICE_HEADER, service),
        header(RULE_HEADER, key),
        header(SAYS_HEADER, spoken(one, service)),
        header(limits.CALLER_HEADER, caller),
        header(FAULT_COUNTED_BY, f"{caller}|{service}"),
    ]
    if target.policy.load_balancer is not None and target.policy.load_balancer.hash_source:
        found.append(formatted_header(SOURCE_HEADER, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"))
    return found


def rule_key(one: Numbered, match: int | None = None) -> str:
    """What a rule, or one of its matches, is known by."""
    number = "default" if one.number is None else str(one.number)
    return number if match is None else f"{number}.{match}"


def to_cluster(target: Target, version: str) -> HeaderValueOption:
    return header(CLUSTER_HEADER, target.inbound(version))


def nowhere() -> HeaderValueOption:
    """In the place of what a caller may have written there, where the rule itself answers."""
    return header(CLUSTER_HEADER, "-")


def passes_inbound(callee: Callee) -> bool:
    """Some of its requests may. What once did goes on having its clusters: a request that is between the two listeners
    when the policy changes would find nothing."""
    has_http = any(port.protocol is not AppProtocol.TCP for port in callee.service.ports)
    return has_http and (callee.was_guarded or guards(callee.service.policy))


def inbound_host(callee: Callee) -> VirtualHost:
    service, policy = callee.service, callee.service.policy
    routes = [*(route for one in numbered(policy) for route in _routes(one, callee)), _onwards()]
    return VirtualHost(name=service.name, domains=[service.name], routes=routes)


def inbound_routes(services: Sequence[Inbound]) -> Resource:
    message = RouteConfiguration(
        name=INBOUND,
        vhost_header=SERVICE_HEADER,
        virtual_hosts=[*(one.host for one in services), _denying(), _unknown()],
        request_headers_to_remove=OURS,
        validate_clusters=BoolValue(value=False),
        max_direct_response_body_size_bytes=UInt32Value(value=LONGEST_BODY),
    )
    return resource(INBOUND, message, refers_to=tuple(one.name for part in services for one in part.clusters))


def _routes(one: Numbered, callee: Callee) -> Iterator[Route]:
    """An answer of the rule's own may depend on the match."""
    if not is_guarded(one.rule, callee.service.policy):
        return
    if not answers_itself(one.rule):
        action = _to_instances()
        action.hash_policy.extend(hash_policies(callee.service.policy.load_balancer, inbound=True))
        yield _route(Route(route=action), rule_key(one), one, callee)
        return
    for index, match in enumerate(one.rule.matches or EVERY_REQUEST):
        yield _route(own_answer(one.rule, match), rule_key(one, index), one, callee)


def _route(route: Route, key: str, one: Numbered, callee: Callee) -> Route:
    route.name = route_name(callee.service.name, one.number)
    route.match.prefix = "/"
    route.match.headers.append(header_matcher(HeaderMatch(name=RULE_HEADER, value=key)))
    route.metadata.CopyFrom(metadata(_words(one, callee)))
    for name, config in _filters(one, callee).items():
        route.typed_per_filter_config[name].CopyFrom(config)
    return route


def _filters(one: Numbered, callee: Callee) -> dict[str, Any]:
    rule, policy, found = one.rule, callee.service.policy, dict[str, Message]()
    if (fault := faults.injected(rule.fault)) is not None:
        found[faults.FILTER] = fault
    if rule.cors is not None:
        found[cors.FILTER] = cors.cors_policy(rule.cors)
    if policy.session_persistence is not None:
        found[sessions.FILTER] = sessions.sticky_filter(policy.session_persistence)
    return {name: pack(message) for name, message in found.items()}


def _words(one: Numbered, callee: Callee) -> dict[str, str]:
    """What answers in the service's stead say."""
    return {"service": callee.service.name, "rule": spoken(one, callee.service.name)}


def spoken(one: Numbered, service: str) -> str:
    return f"rule {one.number} of {service}" if one.number is not None else service


def _denying() -> VirtualHost:
    says = SubstitutionFormatString(text_format_source=DataSource(inline_string=f"%REQ({SAYS_HEADER})%\n"))
    route = Route(
        match=RouteMatch(prefix="/"),
        direct_response=DirectResponseAction(status=403, body_format=says),
        response_headers_to_add=[header(REASON_HEADER, "denied")],
    )
    return VirtualHost(name="denied", domains=[DENIED], routes=[route])


def _unknown() -> VirtualHost:
    return VirtualHost(name="unknown", domains=["*"], routes=[_onwards()])


def _onwards() -> Route:
    """For the moment in which a caller's routes know a rule that is not here yet, or no longer."""
    return Route(match=RouteMatch(prefix="/"), route=_to_instances())


def _to_instances() -> RouteAction:
    return RouteAction(cluster_header=CLUSTER_HEADER, timeout=duration(0), retry_policy=inbound_retry_policy())
