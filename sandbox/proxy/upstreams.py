"""How Envoy talks to what is behind a cluster: protocols, names and fixed addresses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address as EnvoyAddress
from envoy.config.core.v3.address_pb2 import Pipe
from envoy.config.core.v3.base_pb2 import Metadata
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.clusters.common.dns.v3.dns_pb2 import DnsLookupFamily
from envoy.extensions.clusters.dns.v3.dns_cluster_pb2 import DnsCluster
from envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2 import DnsCacheConfig
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import PreserveCaseFormatterConfig
from envoy.extensions.network.dns_resolver.getaddrinfo.v3.getaddrinfo_dns_resolver_pb2 import (
    GetAddrInfoDnsResolverConfig,
)
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions as UpstreamOptions
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import UInt32Value

from sandbox.model import AppProtocol
from sandbox.proxy.endpoints import socket_address
from sandbox.proxy.names import OUTSIDE
from sandbox.proxy.resource import pack
from sandbox.proxy.topology import Address

MAX_HEADERS_KB = 256
MAX_HEADERS = 1000

_BALANCER, _WAY, _HERE = "envoy.lb", "way", "-"
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_FETCH_TIMEOUT = Duration(seconds=5)
# gunicorn closes idle connections after 2 s, uvicorn and Node after 5: being first means that no request is sent into
# a connection that the service is closing, where only idempotent ones could be repeated.
_HTTP1_IDLE = Duration(seconds=1, nanos=500_000_000)
_PRESERVE_CASE = TypedExtensionConfig(name="preserve_case", typed_config=pack(PreserveCaseFormatterConfig()))


def keep_case() -> Http1ProtocolOptions.HeaderKeyFormat:
    return Http1ProtocolOptions.HeaderKeyFormat(stateful_formatter=_PRESERVE_CASE)


def ads() -> ConfigSource:
    return ConfigSource(
        ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3, initial_fetch_timeout=_FETCH_TIMEOUT
    )


def speak(
    cluster: Cluster,
    protocol: AppProtocol,
    *,
    most_requests: int | None = None,
    absolute: bool = False,
    idle: bool = True,
) -> None:
    """`most_requests`: on one connection. `absolute`: to a proxy, which wants whole URLs. `idle`: connections that are
    not used are closed."""
    if protocol is not AppProtocol.TCP:
        options = _packed(protocol, absolute, idle, most_requests)
        cluster.typed_extension_protocol_options[_OPTIONS].CopyFrom(options)


def pass_on(cluster: Cluster) -> None:
    """In the protocol in which the request came."""
    options = UpstreamOptions.UseDownstreamHttpConfig(
        http_protocol_options=Http1ProtocolOptions(header_key_format=keep_case()),
        http2_protocol_options=Http2ProtocolOptions(allow_connect=True),
    )
    common = _common(idle=True)
    cluster.typed_extension_protocol_options[_OPTIONS].CopyFrom(
        pack(UpstreamOptions(common_http_protocol_options=common, use_downstream_protocol_config=options))
    )


def dns_cache() -> DnsCacheConfig:
    """Shared by the filter and the cluster, which must agree. Names resolve as they do for other programs here."""
    resolver = TypedExtensionConfig(
        name="envoy.network.dns_resolver.getaddrinfo", typed_config=pack(GetAddrInfoDnsResolverConfig())
    )
    return DnsCacheConfig(name=OUTSIDE, dns_lookup_family=Cluster.ALL, typed_dns_resolver_config=resolver)


def find_by_dns(cluster: Cluster, address: Address) -> None:
    """Of a name's several addresses, the first that answers."""
    dns = DnsCluster(
        typed_dns_resolver_config=dns_cache().typed_dns_resolver_config,
        dns_lookup_family=DnsLookupFamily.ALL,
        all_addresses_in_single_endpoint=True,
    )
    cluster.cluster_type.CopyFrom(Cluster.CustomClusterType(name="envoy.cluster.dns", typed_config=pack(dns)))
    cluster.load_assignment.CopyFrom(_assignment(cluster.name, socket_address(address)))


def lead_to_socket(cluster: Cluster, socket: Path) -> None:
    """To a listener of Envoy's own."""
    cluster.type = Cluster.STATIC
    cluster.load_assignment.CopyFrom(_assignment(cluster.name, EnvoyAddress(pipe=Pipe(path=str(socket)))))


def lead_to_sockets(cluster: Cluster, socket: Path, others: Mapping[str, Path]) -> None:
    """To the first, or by what a route names (`by_way`) to one of the others."""
    found = LocalityLbEndpoints(lb_endpoints=[_on_way(_HERE, socket), *(_on_way(*one) for one in others.items())])
    cluster.type = Cluster.STATIC
    cluster.load_assignment.CopyFrom(ClusterLoadAssignment(cluster_name=cluster.name, endpoints=[found]))
    subsets = Cluster.LbSubsetConfig(fallback_policy=Cluster.LbSubsetConfig.DEFAULT_SUBSET)
    subsets.default_subset.update({_WAY: _HERE})
    subsets.subset_selectors.add(keys=[_WAY])
    cluster.lb_subset_config.CopyFrom(subsets)


def by_way(name: str) -> Metadata:
    """What a route matches to reach one of several sockets."""
    way = Struct()
    way.update({_WAY: name})
    return Metadata(filter_metadata={_BALANCER: way})


def lead_nowhere(cluster: Cluster) -> None:
    cluster.type = Cluster.STATIC
    cluster.load_assignment.CopyFrom(ClusterLoadAssignment(cluster_name=cluster.name))


@lru_cache(maxsize=64)
def _packed(protocol: AppProtocol, absolute: bool, idle: bool, most_requests: int | None) -> Any:
    grpc = protocol is AppProtocol.GRPC
    common = _common(idle=idle and not grpc)
    if most_requests is not None:
        common.max_requests_per_connection.CopyFrom(UInt32Value(value=most_requests))
    explicit = UpstreamOptions.ExplicitHttpConfig()
    if grpc:
        explicit.http2_protocol_options.CopyFrom(Http2ProtocolOptions(allow_connect=True))
    else:
        explicit.http_protocol_options.CopyFrom(
            Http1ProtocolOptions(header_key_format=keep_case(), send_fully_qualified_url=absolute)
        )
    return pack(UpstreamOptions(common_http_protocol_options=common, explicit_http_config=explicit))


def _common(*, idle: bool) -> HttpProtocolOptions:
    return HttpProtocolOptions(
        idle_timeout=_HTTP1_IDLE if idle else None,
        max_headers_count=UInt32Value(value=MAX_HEADERS),
        max_response_headers_kb=UInt32Value(value=MAX_HEADERS_KB),
    )


def _on_way(name: str, socket: Path) -> LbEndpoint:
    endpoint = Endpoint(address=EnvoyAddress(pipe=Pipe(path=str(socket))))
    return LbEndpoint(endpoint=endpoint, metadata=by_way(name))


def _assignment(name: str, address: EnvoyAddress) -> ClusterLoadAssignment:
    endpoint = LbEndpoint(endpoint=Endpoint(address=address))
    return ClusterLoadAssignment(cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])])
