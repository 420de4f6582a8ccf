"""Hosts outside that are called like services: clusters found by name, with TLS. Pure.

A caller speaks plain HTTP to Envoy, and Envoy speaks TLS to the host.
"""

from __future__ import annotations

import hashlib
from ipaddress import ip_address
from pathlib import Path

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import DataSource, TransportSocket
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, SubjectAltNameMatcher
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, UpstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from sandbox.errors import ProxyError
from sandbox.model import External
from sandbox.proxy.names import OUTSIDE
from sandbox.proxy.resource import pack
from sandbox.proxy.target import Around
from sandbox.proxy.topology import Address, MeshService
from sandbox.proxy.upstreams import find_by_dns, lead_to_socket

_USUAL_PORTS = {False: 80, True: 443}


def external_host(service: MeshService) -> str:
    """What the host wants to be called in requests."""
    external = _external(service)
    host = f"[{external.host}]" if ":" in external.host else external.host
    return host if external.port == _USUAL_PORTS[external.tls] else f"{host}:{external.port}"


def lead_outside(cluster: Cluster, service: MeshService, around: Around) -> None:
    """ProxyError when TLS is wanted and there is nothing to trust the host by."""
    external = _external(service)
    if around.parent_proxy is not None:
        lead_to_socket(cluster, tunnel_socket(service, around))
    else:
        find_by_dns(cluster, Address(external.host, external.port))
    if external.tls:
        cluster.transport_socket.CopyFrom(_tls(service, around.ca_bundle))


def tunnel_socket(service: MeshService, around: Around) -> Path:
    """Of the listener through which the host is reached behind the user's own proxy."""
    digest = hashlib.blake2b(service.name.encode(), digest_size=3).hexdigest()
    return around.inbound_socket.with_name(f"e{digest}.sock")


def tunnel_filter(service: MeshService) -> Filter:
    """Asks the user's own proxy for a connection to the host."""
    external = _external(service)
    host = f"[{external.host}]" if ":" in external.host else external.host
    through = TcpProxy.TunnelingConfig(hostname=f"{host}:{external.port}")
    proxy = TcpProxy(stat_prefix="tcp", cluster=OUTSIDE, tunneling_config=through)
    return Filter(name="envoy.filters.network.tcp_proxy", typed_config=pack(proxy))


def _tls(service: MeshService, ca_bundle: Path | None) -> TransportSocket:
    if ca_bundle is None:
        raise ProxyError(
            "no certificate authorities were found to trust it by",
            place=service.name,
            hint="install ca-certificates, or set SSL_CERT_FILE to a bundle",
        )
    host = _external(service).host
    validation = CertificateValidationContext(
        trusted_ca=DataSource(filename=str(ca_bundle)),
        match_typed_subject_alt_names=[
            SubjectAltNameMatcher(
                san_type=SubjectAltNameMatcher.IP_ADDRESS if _is_ip(host) else SubjectAltNameMatcher.DNS,
                matcher=StringMatcher(exact=host),
            )
        ],
    )
    context = UpstreamTlsContext(
        sni="" if _is_ip(host) else host, common_tls_context=CommonTlsContext(validation_context=validation)
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def _external(service: MeshService) -> External:
    assert service.external is not None
    return service.external


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
