"""Gates: where requests are counted that a limit counts together, whoever sends them. Pure.

Envoy makes a token bucket anew, full, with the routes or the listener that it stands in, whatever changed there. So
each rate limit has a listener of its own, in front of the inbound one, that changes with nothing but the limit: not
with instances, other services, other rules, weights or faults. Behind all gates of a service stands one cluster, whose
breaker counts what is under way where instances are in more than one cluster (`concurrency`).
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

from sandbox.model import AppProtocol, HeaderMatch, RateLimit, Rule
from sandbox.proxy import cors, limits
from sandbox.proxy.answers import EVERY_REQUEST, answers_itself
from sandbox.proxy.authorization import SAYS_HEADER
from sandbox.proxy.inbound import RULE_HEADER, rule_key
from sandbox.proxy.matches import header_matcher
from sandbox.proxy.names import gate_name, limit_name
from sandbox.proxy.protections import breakers
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.target import Around, Callee, Numbered, numbered
from sandbox.proxy.upstreams import lead_to_socket, pass_on
from sandbox.proxy.values import metadata


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """What the listener of a gate is made of."""

    name: str
    says: str  # to whom it refuses, in Envoy's format
    filters: dict[str, Message]
    routes: RouteConfiguration


def gate_of(rule: Rule, callee: Callee) -> str | None:
    """The name of the gate that the rule's requests pass; None: they pass none."""
    if rule.rate_limit is not None:
        return gate_name(callee.service.name, _key(rule))
    if callee.service.policy.rate_limit is not None or counts_together(callee):
        return gate_name(callee.service.name)
    return None


def counts_together(callee: Callee) -> bool:
    """Whether the limit of what is under way is that of several clusters."""
    service = callee.service
    ways = len(service.versions) * sum(port.protocol is not AppProtocol.TCP for port in service.ports)
    return service.policy.concurrency is not None and ways > 1


def gate_sockets(callee: Callee) -> dict[str, Path]:
    """Of all gates of the service, by name."""
    return {name: _socket(name, callee.around) for name in _passing(callee)}


def gates(callee: Callee) -> Iterator[tuple[Gate, Path]]:
    for name, passing in _passing(callee).items():
        limit = passing[0].rule.rate_limit or callee.service.policy.rate_limit
        yield _gate(name, limit, passing, callee), _socket(name, callee.around)


def gate_cluster(callee: Callee) -> Resource:
    """From the gates to the inbound listener."""
    service = callee.service
    cluster = Cluster(name=gate_name(service.name), metadata=metadata({"label": service.name, "service": service.name}))
    cluster.circuit_breakers.CopyFrom(breakers(concurrency=service.policy.concurrency))
    pass_on(cluster)
    lead_to_socket(cluster, callee.around.inbound_socket)
    return resource(cluster.name, cluster)


def _passing(callee: Callee) -> dict[str, list[Numbered]]:
    """The rules whose requests pass a gate, by the gate's name."""
    found: dict[str, list[Numbered]] = {}
    for one in numbered(callee.service.policy):
        if (name := gate_of(one.rule, callee)) is not None:
            found.setdefault(name, []).append(one)
    return found


def _gate(name: str, limit: RateLimit | None, passing: list[Numbered], callee: Callee) -> Gate:
    routes = RouteConfiguration(name=name, validate_clusters=BoolValue(value=False))
    ways = [route for one in passing for route in _with_cors(one, callee)] if limit is not None else []
    routes.virtual_hosts.append(VirtualHost(name=name, domains=["*"], routes=[*ways, _on(callee)]))
    if limit is None:
        return Gate(name, "", {}, routes)
    filters: dict[str, Message] = {
        cors.FILTER: CorsFilter(),
        limits.FILTER: limits.bucket_filter(limit, limit_name(name)),
    }
    takes = limits.describe(limit).replace("%", "%%")
    says = f"%REQ({SAYS_HEADER})% takes {takes}. Try: sandbox traffic get {callee.service.name}"
    return Gate(name, says, filters, routes)


def _with_cors(one: Numbered, callee: Callee) -> Iterator[Route]:
    """A page must be able to read that there were too many, and what only asks whether it may is not counted."""
    if one.rule.cors is None:
        return
    matches = len(one.rule.matches or EVERY_REQUEST)
    for key in [rule_key(one, index) for index in range(matches)] if answers_itself(one.rule) else [rule_key(one)]:
        route = _on(callee)
        route.match.headers.append(header_matcher(HeaderMatch(name=RULE_HEADER, value=key)))
        route.typed_per_filter_config[cors.FILTER].CopyFrom(pack(cors.cors_policy(one.rule.cors)))
        yield route


def _on(callee: Callee) -> Route:
    words = metadata({"service": callee.service.name, "rule": callee.service.name})
    action = RouteAction(cluster=gate_name(callee.service.name), timeout=Duration())
    return Route(match=RouteMatch(prefix="/"), route=action, metadata=words)


def _key(rule: Rule) -> str:
    """Of the requests that the rule takes, so that it stays what it is when a rule comes before it."""
    return hashlib.blake2b(repr(rule.matches).encode(), digest_size=6).hexdigest()


def _socket(name: str, around: Around) -> Path:
    digest = hashlib.blake2b(name.encode(), digest_size=3).hexdigest()
    return around.inbound_socket.with_name(f"g{digest}.sock")
