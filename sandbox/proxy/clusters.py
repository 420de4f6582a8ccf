"""Where requests can go -> Clusters. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import Metadata, TransportSocket
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig
from envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2 import ClusterConfig as DynamicForwardProxy
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (
    ProxyProtocolUpstreamTransport,
)
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from google.protobuf.duration_pb2 import Duration

from sandbox.model import AppProtocol, TrafficPolicy
from sandbox.proxy.authorization import refuses, refuses_all
from sandbox.proxy.egress import lead_outside
from sandbox.proxy.faults import breaks_off
from sandbox.proxy.gates import Gate, counts_together, gates
from sandbox.proxy.inbound import passes_inbound
from sandbox.proxy.names import ALL_VERSIONS, OUTBOUND, OUTSIDE, broken_name, denied_name, endpoints_name
from sandbox.proxy.protections import balance, breakers, most_requests, protect
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.target import Callee, Target
from sandbox.proxy.topology import Address, protocol_of
from sandbox.proxy.upstreams import ads, dns_cache, find_by_dns, lead_nowhere, lead_to_socket, lead_to_sockets, speak
from sandbox.proxy.values import metadata

_CONNECT_TIMEOUT = Duration(seconds=2)


def clusters_of(target: Target) -> tuple[Resource, ...]:
    """Every cluster that the target's routes may name. KeyError when the service has no such port."""
    service = target.callee.service
    protocol = protocol_of(service, target.port)
    if protocol is AppProtocol.TCP:
        return (_tcp_cluster(target),)
    reachable = () if refuses_all(target) else service.versions
    return (
        *(_instances(target.cluster(version), target, version, protocol) for version in reachable),
        *(_guarded(target, version, protocol) for version in (reachable if passes_inbound(target.callee) else ())),
        *_answering(target, protocol),
    )


def inbound_clusters(callee: Callee) -> tuple[Resource, ...]:
    """From the inbound listener to the instances, for all callers together."""
    targets = [
        (Target(None, callee, port.number), port.protocol)
        for port in callee.service.ports
        if port.protocol is not AppProtocol.TCP
    ]
    return tuple(
        _instances(target.inbound(version), target, version, protocol, inbound=True)
        for target, protocol in targets
        for version in callee.service.versions
    )


def relay_cluster(name: str, to: Address) -> Resource:
    """To a server of ours, which may be known by name."""
    cluster = Cluster(name=name, connect_timeout=_CONNECT_TIMEOUT, circuit_breakers=breakers())
    find_by_dns(cluster, to)
    return resource(name, cluster)


def outbound_cluster(socket: Path) -> Resource:
    """From the callers' HTTP proxies to the listener on `socket`."""
    cluster = Cluster(
        name=OUTBOUND,
        connect_timeout=_CONNECT_TIMEOUT,
        circuit_breakers=breakers(),
        transport_socket=_proxy_protocol(),
    )
    lead_to_socket(cluster, socket)
    return resource(OUTBOUND, cluster)


def outside_cluster(parent_proxy: Address | None) -> Resource:
    """Hosts that are no service here: directly, or through the user's own HTTP proxy."""
    cluster = Cluster(
        name=OUTSIDE,
        connect_timeout=Duration(seconds=10),
        circuit_breakers=breakers(),
        metadata=metadata({"label": "the host outside", "service": ""}),
    )
    if parent_proxy is None:
        _look_up(cluster)
    else:
        find_by_dns(cluster, parent_proxy)
    speak(cluster, AppProtocol.HTTP, absolute=parent_proxy is not None, idle=False)
    return resource(OUTSIDE, cluster)


def _instances(name: str, target: Target, version: str, protocol: AppProtocol, *, inbound: bool = False) -> Resource:
    """The way to one version of a service. `inbound`: for all callers together."""
    policy = target.policy
    cluster = _template(name, protocol, policy)
    refers_to = _lead_to_instances(cluster, target, version)
    cluster.metadata.CopyFrom(_who(target, version))
    cluster.circuit_breakers.CopyFrom(_at_a_time(target) if inbound else breakers(policy))
    balance(cluster, policy)
    protect(cluster, policy)
    on_demand = target.origin is None and not inbound  # few calls are undeclared
    return resource(name, cluster, refers_to=refers_to, on_demand=on_demand)


def _at_a_time(target: Target) -> CircuitBreakers:
    """Where this is the only cluster to instances; of several, it is counted at the gate."""
    together = counts_together(target.callee)
    return breakers(concurrency=None if together else target.policy.concurrency)


def _guarded(target: Target, version: str, protocol: AppProtocol) -> Resource:
    """The same way for requests that pass the inbound listener before."""
    cluster = _template(target.cluster(version, guarded=True), protocol, TrafficPolicy())
    cluster.circuit_breakers.CopyFrom(breakers(target.policy))
    callee = target.callee
    return _to_listener(cluster, target, version, callee.around.inbound_socket, gates(callee))


def _answering(target: Target, protocol: AppProtocol) -> tuple[Resource, ...]:
    """For requests that get no further: counted apart, under the names of both sides."""
    names = (target.caller, target.callee.service.name, target.port)
    around, found = target.callee.around, []
    if refuses(target):
        found.append((denied_name(*names), around.inbound_socket, protocol))
    if any(breaks_off(rule.fault) for rule in target.policy.rules):
        found.append((broken_name(*names), around.breaking_socket, AppProtocol.HTTP))
    return tuple(
        _to_listener(_template(name, spoken, TrafficPolicy()), target, ALL_VERSIONS, socket)
        for name, socket, spoken in found
    )


def _to_listener(
    cluster: Cluster, target: Target, version: str, socket: Path, through: Sequence[Gate] = ()
) -> Resource:
    if through:
        lead_to_sockets(cluster, socket, {gate.name: gate.socket for gate in through})
    else:
        lead_to_socket(cluster, socket)
    cluster.metadata.CopyFrom(_who(target, version))
    return resource(cluster.name, cluster, on_demand=target.origin is None)


def _tcp_cluster(target: Target) -> Resource:
    """To all versions: their shares are weights of the instances."""
    policy = target.policy
    cluster = _template(target.cluster(ALL_VERSIONS), AppProtocol.TCP, policy)
    if refuses_all(target):
        lead_nowhere(cluster)
        return resource(cluster.name, cluster)
    refers_to = _lead_to_instances(cluster, target, ALL_VERSIONS)
    cluster.metadata.CopyFrom(_who(target, ALL_VERSIONS))
    cluster.circuit_breakers.CopyFrom(breakers(policy))
    protect(cluster, policy)
    return resource(cluster.name, cluster, refers_to=refers_to)


def _template(name: str, protocol: AppProtocol, policy: TrafficPolicy) -> Cluster:
    tcp = protocol is AppProtocol.TCP
    cluster = Cluster(
        name=name,
        connect_timeout=_CONNECT_TIMEOUT,
        # By open requests, a TCP port's long connections would undo the weights.
        lb_policy=Cluster.ROUND_ROBIN if tcp else Cluster.LEAST_REQUEST,
        circuit_breakers=breakers(),
    )
    speak(cluster, protocol, most_requests=most_requests(policy))
    return cluster


def _lead_to_instances(cluster: Cluster, target: Target, version: str) -> tuple[str, ...]:
    """Returns the endpoint sets that it is made of."""
    service = target.callee.service
    if service.external is not None:
        lead_outside(cluster, service, target.callee.around)
        return ()
    endpoints = endpoints_name(service.name, version, target.port)
    cluster.type = Cluster.EDS
    cluster.eds_cluster_config.service_name = endpoints
    cluster.eds_cluster_config.eds_config.CopyFrom(ads())
    return (endpoints,)


def _who(target: Target, version: str) -> Metadata:
    service = target.callee.service
    label = service.name if service.external is not None else f"{service.name} ({version})"
    return metadata({"label": label, "service": service.name})


def _look_up(cluster: Cluster) -> None:
    forward = DynamicForwardProxy(dns_cache_config=dns_cache(), allow_insecure_cluster_options=True)
    cluster.lb_policy = Cluster.CLUSTER_PROVIDED
    cluster.cluster_type.CopyFrom(
        Cluster.CustomClusterType(name="envoy.clusters.dynamic_forward_proxy", typed_config=pack(forward))
    )


def _proxy_protocol() -> TransportSocket:
    raw = TransportSocket(name="envoy.transport_sockets.raw_buffer", typed_config=pack(RawBuffer()))
    version_2 = ProxyProtocolConfig(version=ProxyProtocolConfig.V2)
    upstream = ProxyProtocolUpstreamTransport(config=version_2, transport_socket=raw)
    return TransportSocket(name="envoy.transport_sockets.upstream_proxy_protocol", typed_config=pack(upstream))
