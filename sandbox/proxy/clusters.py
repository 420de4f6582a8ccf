"""Where requests can go -> Clusters. Pure."""

from __future__ import annotations

from pathlib import Path

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address as EnvoyAddress
from envoy.config.core.v3.address_pb2 import Pipe
from envoy.config.core.v3.base_pb2 import Metadata, TransportSocket
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.clusters.common.dns.v3.dns_pb2 import DnsLookupFamily
from envoy.extensions.clusters.dns.v3.dns_cluster_pb2 import DnsCluster
from envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2 import ClusterConfig as DynamicForwardProxy
from envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2 import DnsCacheConfig
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import PreserveCaseFormatterConfig
from envoy.extensions.network.dns_resolver.getaddrinfo.v3.getaddrinfo_dns_resolver_pb2 import (
    GetAddrInfoDnsResolverConfig,
)
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (
    ProxyProtocolUpstreamTransport,
)
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions as UpstreamOptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import UInt32Value

from sandbox.model import AppProtocol
from sandbox.proxy.endpoints import socket_address
from sandbox.proxy.names import OUTBOUND, OUTSIDE, ClusterName
from sandbox.proxy.resource import Resource, pack, resource
from sandbox.proxy.topology import Address

MAX_HEADERS_KB = 256
MAX_HEADERS = 1000
METADATA = "sandbox"
"""The key of the metadata by which local replies name who did not answer."""

_UPSTREAM_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CONNECT_TIMEOUT = Duration(seconds=2)
_FETCH_TIMEOUT = Duration(seconds=5)
# gunicorn closes idle connections after 2 s, uvicorn and Node after 5: being first means that no request is sent into
# a connection that the service is closing, where only idempotent ones could be repeated.
_HTTP1_IDLE = Duration(seconds=1, nanos=500_000_000)
_UNLIMITED = UInt32Value(value=1_000_000)
_PRESERVE_CASE = TypedExtensionConfig(name="preserve_case", typed_config=pack(PreserveCaseFormatterConfig()))


def keep_case() -> Http1ProtocolOptions.HeaderKeyFormat:
    return Http1ProtocolOptions.HeaderKeyFormat(stateful_formatter=_PRESERVE_CASE)


def ads() -> ConfigSource:
    return ConfigSource(
        ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3, initial_fetch_timeout=_FETCH_TIMEOUT
    )


def service_cluster(name: ClusterName, protocol: AppProtocol) -> Resource:
    """The way to one version of a service (of a TCP port: to all versions)."""
    cluster = Cluster()
    cluster.CopyFrom(_TEMPLATES[protocol])
    cluster.name = str(name)
    cluster.eds_cluster_config.service_name = name.endpoints
    cluster.metadata.CopyFrom(_who(f"{name.callee} ({name.version})", name.callee))
    on_demand = name.caller is None and protocol is not AppProtocol.TCP  # no request says that it is wanted
    return resource(cluster.name, cluster, refers_to=(name.endpoints,), on_demand=on_demand)


def relay_cluster(name: str, to: Address) -> Resource:
    """To a server of ours, which may be known by name."""
    cluster = _by_dns(name, to)
    cluster.connect_timeout.CopyFrom(_CONNECT_TIMEOUT)
    cluster.circuit_breakers.CopyFrom(_breakers())
    return resource(name, cluster)


def outbound_cluster(socket: Path) -> Resource:
    """From the callers' HTTP proxies to the listener on `socket`."""
    cluster = Cluster(
        name=OUTBOUND,
        type=Cluster.STATIC,
        connect_timeout=_CONNECT_TIMEOUT,
        circuit_breakers=_breakers(),
        load_assignment=_static(OUTBOUND, EnvoyAddress(pipe=Pipe(path=str(socket)))),
        transport_socket=_proxy_protocol(),
    )
    return resource(OUTBOUND, cluster)


def dns_cache() -> DnsCacheConfig:
    """Shared by the filter and the cluster, which must agree. Names resolve as they do for other programs here."""
    resolver = TypedExtensionConfig(
        name="envoy.network.dns_resolver.getaddrinfo", typed_config=pack(GetAddrInfoDnsResolverConfig())
    )
    return DnsCacheConfig(name=OUTSIDE, dns_lookup_family=Cluster.ALL, typed_dns_resolver_config=resolver)


def outside_cluster(parent_proxy: Address | None) -> Resource:
    """Hosts that are no service here: directly, or through the user's own HTTP proxy."""
    cluster = _looked_up() if parent_proxy is None else _by_dns(OUTSIDE, parent_proxy)
    cluster.connect_timeout.CopyFrom(Duration(seconds=10))
    cluster.circuit_breakers.CopyFrom(_breakers())
    cluster.metadata.CopyFrom(_who("the host outside", ""))
    options = _http1(absolute=parent_proxy is not None)[_UPSTREAM_OPTIONS]
    cluster.typed_extension_protocol_options[_UPSTREAM_OPTIONS].CopyFrom(options)
    return resource(OUTSIDE, cluster)


def _looked_up() -> Cluster:
    forward = DynamicForwardProxy(dns_cache_config=dns_cache(), allow_insecure_cluster_options=True)
    return Cluster(
        name=OUTSIDE,
        lb_policy=Cluster.CLUSTER_PROVIDED,
        cluster_type=Cluster.CustomClusterType(name="envoy.clusters.dynamic_forward_proxy", typed_config=pack(forward)),
    )


def _by_dns(name: str, address: Address) -> Cluster:
    """Of a name's several addresses, the first that answers."""
    dns = DnsCluster(
        typed_dns_resolver_config=dns_cache().typed_dns_resolver_config,
        dns_lookup_family=DnsLookupFamily.ALL,
        all_addresses_in_single_endpoint=True,
    )
    return Cluster(
        name=name,
        cluster_type=Cluster.CustomClusterType(name="envoy.cluster.dns", typed_config=pack(dns)),
        load_assignment=_static(name, socket_address(address)),
    )


def _template(protocol: AppProtocol) -> Cluster:
    tcp = protocol is AppProtocol.TCP
    cluster = Cluster(
        type=Cluster.EDS,
        eds_cluster_config=Cluster.EdsClusterConfig(eds_config=ads()),
        connect_timeout=_CONNECT_TIMEOUT,
        # By open requests, a TCP port's long connections would undo the weights.
        lb_policy=Cluster.ROUND_ROBIN if tcp else Cluster.LEAST_REQUEST,
        circuit_breakers=_breakers(),
    )
    if protocol is AppProtocol.GRPC:
        cluster.typed_extension_protocol_options[_UPSTREAM_OPTIONS].CopyFrom(_http2())
    elif not tcp:
        cluster.typed_extension_protocol_options[_UPSTREAM_OPTIONS].CopyFrom(_http1(idle=True)[_UPSTREAM_OPTIONS])
    return cluster


def _breakers() -> CircuitBreakers:
    """Envoy's own limits are for production fleets: three retries at a time turn one restart into thousands of 503."""
    limits = CircuitBreakers.Thresholds(
        max_connections=_UNLIMITED,
        max_pending_requests=_UNLIMITED,
        max_requests=_UNLIMITED,
        max_retries=UInt32Value(value=1024),
    )
    return CircuitBreakers(thresholds=[limits])


def _common(*, idle: bool) -> HttpProtocolOptions:
    return HttpProtocolOptions(
        idle_timeout=_HTTP1_IDLE if idle else None,
        max_headers_count=UInt32Value(value=MAX_HEADERS),
        max_response_headers_kb=UInt32Value(value=MAX_HEADERS_KB),
    )


def _http1(*, absolute: bool = False, idle: bool = False) -> dict[str, object]:
    http1 = Http1ProtocolOptions(header_key_format=keep_case(), send_fully_qualified_url=absolute)
    options = UpstreamOptions(
        common_http_protocol_options=_common(idle=idle),
        explicit_http_config=UpstreamOptions.ExplicitHttpConfig(http_protocol_options=http1),
    )
    return {_UPSTREAM_OPTIONS: pack(options)}


def _http2() -> object:
    return pack(
        UpstreamOptions(
            common_http_protocol_options=_common(idle=False),
            explicit_http_config=UpstreamOptions.ExplicitHttpConfig(
                http2_protocol_options=Http2ProtocolOptions(allow_connect=True)
            ),
        )
    )


def _who(label: str, service: str) -> Metadata:
    fields = Struct()
    fields.update({"label": label, "service": service})
    return Metadata(filter_metadata={METADATA: fields})


def _proxy_protocol() -> TransportSocket:
    raw = TransportSocket(name="envoy.transport_sockets.raw_buffer", typed_config=pack(RawBuffer()))
    version_2 = ProxyProtocolConfig(version=ProxyProtocolConfig.V2)
    upstream = ProxyProtocolUpstreamTransport(config=version_2, transport_socket=raw)
    return TransportSocket(name="envoy.transport_sockets.upstream_proxy_protocol", typed_config=pack(upstream))


def _static(name: str, address: EnvoyAddress) -> ClusterLoadAssignment:
    endpoint = LbEndpoint(endpoint=Endpoint(address=address))
    return ClusterLoadAssignment(cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])])


_TEMPLATES = {protocol: _template(protocol) for protocol in AppProtocol}
