"""What Envoy is started with: where its control plane is, and nothing that changes later."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from sandbox.control.metrics import LATENCY_BUCKETS
from sandbox.model.traffic import MAX_REGEX_PROGRAM
from sandbox.paths import ProjectPaths
from sandbox.proxy.bearer import HEADER, Guarded
from sandbox.proxy.door import door_clusters, door_listener
from sandbox.proxy.names import CALL, OUTCOME, ROUTE, RUNTIME, TELEMETRY
from sandbox.proxy.topology import Address

CONTROL_PLANE = "control-plane"

READ_PATHS = (
    "/ready",
    "/stats",
    "/stats/prometheus",
    "/server_info",
    "/clusters",
    "/listeners",
    "/config_dump",
    "/memory",
)
"""Of the admin interface, what changes nothing."""

ADMIN_PATHS = (*READ_PATHS, "/quitquitquit")

# Statistics that nobody reads still cost memory, of which a refused prefix costs least. What a cluster counts of its
# traffic comes into being with its first request, so it needs no list.
_UNREAD_PREFIXES = (
    *("listener.", "http.edge.", "http.outbound.", "http.door.", "tcp.", "proxy_proto.", "vhost.", "dns.", "runtime."),
)
_UNREAD_PARTS = (
    ".lb_",
    ".update_",
    ".membership_",
    ".circuit_breakers.",
    ".assignment_",
    ".init_",
    ".version",
    ".warming_state",
    ".default.",
    ".bind_errors",
    ".max_host_weight",
    ".upstream_flow_control_",
    ".upstream_internal_redirect_",
    ".upstream_cx_length_ms",
    ".upstream_cx_connect_ms",
    ".upstream_cx_idle_timeout",
    ".upstream_cx_pool_overflow",
    ".upstream_rq_0rtt",
    ".internal.",
    ".external.",
    ".http1.",
    ".http2.",
)

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_GETADDRINFO = "envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig"
_DNS = {
    "type": "STRICT_DNS",
    "dns_lookup_family": "V4_PREFERRED",
    "typed_dns_resolver_config": {
        "name": "envoy.network.dns_resolver.getaddrinfo",
        "typed_config": {"@type": f"type.googleapis.com/{_GETADDRINFO}"},
    },
}

_WATCHDOG = {"miss_timeout": "20s", "megamiss_timeout": "60s"}
"""By default each of Envoy's threads says five times a second that it is alive, to counters that nobody reads."""

_LIMITS = {"re2.max_program_size.error_level": MAX_REGEX_PROGRAM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """An Envoy in a container: what it listens on, and where it finds us."""

    admin_socket: Path  # in the container
    control_plane: Guarded  # an address of ours as the container knows it; the host may be a name
    door: Guarded  # the way in, in the container


def bootstrap(paths: ProjectPaths, project: str) -> dict[str, Any]:
    """Envoy's bootstrap as JSON data. Its admin socket is the user's alone: it can stop the server."""
    ours = _control_plane(_pipe(paths.ads_socket))
    return _bootstrap(project, paths.admin_socket, _grpc_service(), [ours, _telemetry(ours)])


def container_bootstrap(inside: Inside, project: str) -> dict[str, Any]:
    """The same for an Envoy in a container. It holds tokens: whoever may read it may reach every instance."""
    control_plane = inside.control_plane
    credentials = [{"key": HEADER, "value": control_plane.credentials}]
    ours = _remote_control_plane(control_plane.address)
    clusters = [ours, _telemetry(ours, control_plane.credentials), *door_clusters(inside.admin_socket)]
    data = _bootstrap(project, inside.admin_socket, {**_grpc_service(), "initial_metadata": credentials}, clusters)
    data["static_resources"]["listeners"] = [door_listener(inside.door, READ_PATHS)]
    return data


def _bootstrap(
    project: str, admin_socket: Path, grpc_service: dict[str, Any], clusters: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "node": {"id": f"{project}-envoy", "cluster": project},
        "admin": _admin(admin_socket),
        "dynamic_resources": _dynamic_resources(grpc_service),
        "static_resources": {"clusters": clusters},
        "stats_config": {
            "stats_matcher": {"exclusion_list": {"patterns": _unread()}},
            "histogram_bucket_settings": [
                {"match": match, "buckets": list(LATENCY_BUCKETS)}
                for match in (
                    {"suffix": ".upstream_rq_time"},
                    *({"prefix": f"{one}.t."} for one in (OUTCOME, CALL, ROUTE)),
                )
            ],
        },
        "stats_flush_on_admin": True,  # so that each reading brings histograms up to the one before, not of 5 s ago
        "cluster_manager": {"enable_deferred_cluster_creation": True},
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "layered_runtime": {"layers": _runtime()},
        "watchdogs": {"main_thread_watchdog": _WATCHDOG, "worker_watchdog": _WATCHDOG},
    }


def _runtime() -> list[dict[str, Any]]:
    """Spans leave Envoy in batches; how many are made comes with the rest of the configuration."""
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "1s"}
    batches = {"tracing.opentelemetry.flush_interval_ms": 500, "tracing.opentelemetry.min_flush_spans": 512}
    return [
        {"name": "limits", "static_layer": {**_LIMITS, **batches}},
        {"name": RUNTIME, "rtds_layer": {"name": RUNTIME, "rtds_config": source}},
        {"name": "admin", "admin_layer": {}},
    ]


def _admin(socket: Path) -> dict[str, Any]:
    return {
        "address": {"pipe": {"path": str(socket), "mode": 0o600}},
        "allow_paths": [{"exact": path} for path in ADMIN_PATHS] + [{"prefix": f"{path}?"} for path in ADMIN_PATHS],
    }


def _dynamic_resources(grpc_service: dict[str, Any]) -> dict[str, Any]:
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "15s"}
    return {
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [grpc_service],
        },
        "cds_config": source,
        "lds_config": source,
    }


def _grpc_service() -> dict[str, Any]:
    """Envoy's own limit of 30 s between attempts would leave a new supervisor waiting that long."""
    reconnects = {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"}}
    return {"envoy_grpc": {"cluster_name": CONTROL_PLANE, "retry_policy": reconnects}}


def _control_plane(address: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": CONTROL_PLANE,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": CONTROL_PLANE,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _telemetry(ours: dict[str, Any], credentials: str = "") -> dict[str, Any]:
    """The same place by a connection of its own: a batch of spans must hold up no route.

    Listeners name this cluster, so it is here, and not there, that the token is put on.
    """
    cluster = copy.deepcopy(ours)
    cluster["name"] = cluster["load_assignment"]["cluster_name"] = TELEMETRY
    if credentials:
        header = {"header": {"key": HEADER, "value": credentials}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        cluster["typed_extension_protocol_options"][_HTTP_OPTIONS]["http_filters"] = [
            _filter("header_mutation", "HeaderMutation", mutations={"request_mutations": [{"append": header}]}),
            _filter("upstream_codec", "UpstreamCodec"),
        ]
    return cluster


def _filter(name: str, message: str, **config: Any) -> dict[str, Any]:
    kind = f"type.googleapis.com/envoy.extensions.filters.http.{name}.v3.{message}"
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": kind, **config}}


def _remote_control_plane(address: Address) -> dict[str, Any]:
    """A machine that slept or an engine that restarted may have forgotten the connection without a word."""
    place = {"socket_address": {"address": address.host, "port_value": address.port}}
    keepalive = {"keepalive_time": 10, "keepalive_interval": 5, "keepalive_probes": 3}
    cluster = {**_control_plane(place), "upstream_connection_options": {"tcp_keepalive": keepalive}}
    return cluster if _is_ip(address.host) else {**cluster, **_DNS}


def _pipe(socket: Path) -> dict[str, Any]:
    return {"pipe": {"path": str(socket)}}


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unread() -> list[dict[str, Any]]:
    return [
        *({"prefix": prefix} for prefix in _UNREAD_PREFIXES),
        *({"contains": part} for part in _UNREAD_PARTS),
    ]
