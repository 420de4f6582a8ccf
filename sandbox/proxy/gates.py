"""Gates: where requests are counted that a limit counts together, whoever sends them. Pure.

Envoy makes a token bucket anew, full, with the routes or the listener that it stands in, whatever changed there. So
each rate limit has a listener of its own, in front of the inbound one, that is called by its content: another one takes
its place when the limit changes, and nothing else does that, not instances, other services, other rules, weights or
faults. (Changed in place, connections that are open would keep the old bucket.) Behind all gates of a service stands
one cluster, whose breaker counts what is under way where instances are in more than one cluster (`concurrency`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, RouteMatch, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors as CorsFilter
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue

from sandbox.model import AppProtocol, HeaderMatch, RateLimit
from sandbox.proxy import cors, limits
from sandbox.proxy.answers import EVERY_REQUEST, answers_itself
from sandbox.proxy.authorization import SAYS_HEADER
from sandbox.proxy.inbound import RULE_HEADER, rule_key
from sandbox.proxy.matches import header_matcher
from sandbox.proxy.names import gate_name, limit_name
from sandbox.proxy.protections import breakers
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.target import Callee, Numbered, numbered
from sandbox.proxy.upstreams import lead_to_socket, pass_on
from sandbox.proxy.values import metadata

WHOLE = "all"
"""The key of a service's own gate."""


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    callee: Callee
    key: str  # of the one rule's requests, or WHOLE
    limit: RateLimit | None  # None: only for the cluster behind
    passing: tuple[Numbered, ...]  # rules whose requests pass

    @property
    def name(self) -> str:
        pages = [(_keys(one), one.rule.cors) for one in self.passing if one.rule.cors is not None]
        return gate_name(self.callee.service.name, self.key, _digest(repr((self.limit, pages)), 4))

    @property
    def socket(self) -> Path:
        """The same for whatever takes its place."""
        digest = _digest(gate_name(self.callee.service.name, self.key), 3)
        return self.callee.around.inbound_socket.with_name(f"g{digest}.sock")


def gate_of(one: Numbered, callee: Callee) -> Gate | None:
    """None: the rule's requests pass none."""
    policy = callee.service.policy
    if one.rule.rate_limit is not None:
        return Gate(callee, _digest(repr(one.rule.matches), 6), one.rule.rate_limit, (one,))
    if policy.rate_limit is None and not counts_together(callee):
        return None
    return Gate(callee, WHOLE, policy.rate_limit, tuple(x for x in numbered(policy) if x.rule.rate_limit is None))


def counts_together(callee: Callee) -> bool:
    """Whether the limit of what is under way is that of several clusters."""
    service = callee.service
    ways = len(service.versions) * sum(port.protocol is not AppProtocol.TCP for port in service.ports)
    return service.policy.concurrency is not None and ways > 1


def gates(callee: Callee) -> tuple[Gate, ...]:
    found = (gate_of(one, callee) for one in numbered(callee.service.policy))
    return tuple({gate.key: gate for gate in found if gate is not None}.values())


def gate_cluster(callee: Callee) -> Resource:
    """From the gates to the inbound listener."""
    service = callee.service
    cluster = Cluster(name=gate_name(service.name), metadata=metadata({"label": service.name, "service": service.name}))
    cluster.circuit_breakers.CopyFrom(breakers(concurrency=service.policy.concurrency))
    pass_on(cluster)
    lead_to_socket(cluster, callee.around.inbound_socket)
    return resource(cluster.name, cluster)


def gate_routes(gate: Gate) -> RouteConfiguration:
    """All on to the cluster behind."""
    pages = (page for one in gate.passing if gate.limit is not None for page in _pages(one, gate.callee))
    host = VirtualHost(name=gate.name, domains=["*"], routes=[*pages, _onwards(gate.callee)])
    return RouteConfiguration(name=gate.name, virtual_hosts=[host], validate_clusters=BoolValue(value=False))


def gate_filters(gate: Gate) -> dict[str, Message]:
    if gate.limit is None:
        return {}
    name = limit_name(gate.callee.service.name, gate.key if gate.key != WHOLE else "")
    return {cors.FILTER: CorsFilter(), limits.FILTER: limits.bucket_filter(gate.limit, name)}


def too_many(gate: Gate) -> str:
    """What is said to whom it refuses, in Envoy's format; empty: it refuses nobody."""
    if gate.limit is None:
        return ""
    takes = limits.describe(gate.limit).replace("%", "%%")
    return f"%REQ({SAYS_HEADER})% takes {takes}. Try: sandbox traffic get {gate.callee.service.name}"


def _pages(one: Numbered, callee: Callee) -> Iterator[Route]:
    """A page must be able to read that there were too many, and what only asks whether it may is not counted."""
    for key in _keys(one) if one.rule.cors is not None else ():
        assert one.rule.cors is not None
        route = _onwards(callee)
        route.match.headers.append(header_matcher(HeaderMatch(name=RULE_HEADER, value=key)))
        route.typed_per_filter_config[cors.FILTER].CopyFrom(pack(cors.cors_policy(one.rule.cors)))
        yield route


def _keys(one: Numbered) -> list[str]:
    """By which the rule's requests are known."""
    if not answers_itself(one.rule):
        return [rule_key(one)]
    return [rule_key(one, index) for index in range(len(one.rule.matches or EVERY_REQUEST))]


def _onwards(callee: Callee) -> Route:
    words = metadata({"service": callee.service.name, "rule": callee.service.name})
    action = RouteAction(cluster=gate_name(callee.service.name), timeout=Duration())
    return Route(match=RouteMatch(prefix="/"), route=action, metadata=words)


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
