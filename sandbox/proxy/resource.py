"""One xDS resource as bytes, with what it refers to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from sandbox.proxy.topology import Address

_PREFIX = "type.googleapis.com/"


class Kind(Enum):
    """The types that the control plane serves, by type URL, in the order in which they are pushed."""

    RUNTIME = _PREFIX + "envoy.service.runtime.v3.Runtime"
    CLUSTER = _PREFIX + "envoy.config.cluster.v3.Cluster"
    ENDPOINTS = _PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
    LISTENER = _PREFIX + "envoy.config.listener.v3.Listener"
    ROUTES = _PREFIX + "envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True, slots=True)
class Resource:
    """`refers_to` names the clusters of routes, the routes of a listener, or the endpoints of a cluster."""

    name: str
    version: str  # hash of the content: the same for the same content, in every process
    body: bytes
    refers_to: tuple[str, ...] = ()
    address: Address | None = None  # a listener's
    sources: tuple[str, ...] = ()  # the range (CIDR) that each of a listener's chains is for
    empty: bool = False  # endpoints of which there are none
    on_demand: bool = False  # sent only to a client that asks for it by name


Resources = Mapping[str, Resource]


def resource(
    name: str,
    message: Message,
    *,
    refers_to: tuple[str, ...] = (),
    address: Address | None = None,
    sources: tuple[str, ...] = (),
    empty: bool = False,
    on_demand: bool = False,
) -> Resource:
    body = message.SerializeToString(deterministic=True)
    version = hashlib.blake2b(body, digest_size=8).hexdigest()
    return Resource(name, version, body, refers_to, address, sources, empty, on_demand)


def pack(message: Message) -> Any:
    packed = Any()
    packed.Pack(message, deterministic=True)
    return packed


def by_name(resources: list[Resource]) -> dict[str, Resource]:
    return {one.name: one for one in resources}
