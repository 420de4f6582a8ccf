"""Instances that take traffic -> ClusterLoadAssignments. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm

from envoy.config.core.v3.address_pb2 import Address as EnvoyAddress
from envoy.config.core.v3.address_pb2 import SocketAddress
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.wrappers_pb2 import UInt32Value

from sandbox.model import AppProtocol
from sandbox.proxy.names import ALL_VERSIONS, endpoints_name
from sandbox.proxy.resource import Resource, resource
from sandbox.proxy.topology import Address, EndpointKey, Endpoints, MeshService

_MOST_WEIGHT = 2**32 - 1  # Envoy's limit for the sum of a locality's weights


def endpoints_of(service: MeshService, endpoints: Endpoints) -> Iterator[tuple[str, tuple[tuple[Address, int], ...]]]:
    """Every endpoint set of the service by name: addresses and their weights."""
    for port in service.ports if service.external is None else ():
        by_version = {
            version: endpoints.get(EndpointKey(service.name, version, port.number), ()) for version in service.versions
        }
        if port.protocol is AppProtocol.TCP:
            yield endpoints_name(service.name, ALL_VERSIONS, port.number), _weighted(by_version, _tcp_weights(service))
            continue
        for version, addresses in by_version.items():
            weighted = tuple((address, 1) for address in addresses)
            yield endpoints_name(service.name, version, port.number), weighted


def assignment(name: str, addresses: tuple[tuple[Address, int], ...]) -> Resource:
    """What Envoy knows as the endpoints `name`; having none is an answer too."""
    message = ClusterLoadAssignment(cluster_name=name)
    if addresses:
        message.endpoints.append(LocalityLbEndpoints(lb_endpoints=[_endpoint(*one) for one in addresses]))
    return resource(name, message, empty=not addresses)


def _endpoint(address: Address, weight: int) -> LbEndpoint:
    return LbEndpoint(
        endpoint=Endpoint(address=socket_address(address)), load_balancing_weight=UInt32Value(value=weight)
    )


def socket_address(address: Address) -> EnvoyAddress:
    return EnvoyAddress(socket_address=SocketAddress(address=address.host, port_value=address.port))


def _tcp_weights(service: MeshService) -> dict[str, int]:
    """Of the first rule that holds for every connection: TCP has no headers to match."""
    for rule in service.policy.rules:
        if not rule.matches or any(match.is_everything for match in rule.matches):
            weights = {backend.version: 0 for backend in rule.backends}
            for backend in rule.backends:
                weights[backend.version] += backend.weight
            return weights or dict.fromkeys(service.versions, 1)
    return dict.fromkeys(service.versions, 1)


def _weighted(by_version: dict[str, tuple[Address, ...]], weights: dict[str, int]) -> tuple[tuple[Address, int], ...]:
    """Each version gets its share however many instances it has."""
    chosen = {v: addresses for v, addresses in by_version.items() if addresses and weights.get(v, 0) > 0}
    common = lcm(*(len(addresses) for addresses in chosen.values()))
    shares = {version: weights[version] * common // len(addresses) for version, addresses in chosen.items()}
    total = sum(shares[version] * len(addresses) for version, addresses in chosen.items())
    scale = max(1, -(-total // (_MOST_WEIGHT // 2)))
    return tuple(
        (address, max(1, shares[version] // scale)) for version, addresses in chosen.items() for address in addresses
    )
