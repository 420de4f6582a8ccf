"""What Envoy is started with: where its control plane is, and nothing that changes later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.paths import ProjectPaths

CONTROL_PLANE = "control-plane"

ADMIN_PATHS = (
    "/ready",
    "/stats",
    "/stats/prometheus",
    "/server_info",
    "/clusters",
    "/listeners",
    "/config_dump",
    "/memory",
    "/drain_listeners",
    "/quitquitquit",
)

# Each statistic of each cluster costs memory and scrape time, so only what telemetry reads is kept.
CLUSTER_STATS = (
    "upstream_rq_total",
    "upstream_rq_completed",
    "upstream_rq_active",
    "upstream_rq_time",
    "upstream_rq_1xx",
    "upstream_rq_2xx",
    "upstream_rq_3xx",
    "upstream_rq_4xx",
    "upstream_rq_5xx",
    "upstream_rq_503",
    "upstream_rq_504",
    "upstream_rq_retry",
    "upstream_rq_retry_success",
    "upstream_rq_retry_overflow",
    "upstream_rq_retry_limit_exceeded",
    "upstream_rq_timeout",
    "upstream_rq_per_try_timeout",
    "upstream_rq_rx_reset",
    "upstream_rq_tx_reset",
    "upstream_rq_pending_overflow",
    "upstream_rq_pending_failure_eject",
    "upstream_cx_none_healthy",
    "upstream_cx_total",
    "upstream_cx_active",
    "upstream_cx_connect_fail",
    "upstream_cx_destroy_remote_with_active_rq",
    "upstream_cx_rx_bytes_total",
    "upstream_cx_tx_bytes_total",
)
_SERVICE_CLUSTERS = ("cluster.edge|", "cluster.undeclared|", "cluster.outside.")
_SERVER_STATS = ("server.", "cluster_manager.", "listener_manager.", "control_plane.", "http.gateway.")


def bootstrap(paths: ProjectPaths, project: str) -> dict[str, Any]:
    """Envoy's bootstrap as JSON data. Its admin socket is the user's alone: it can stop the server."""
    return {
        "node": {"id": f"{project}-envoy", "cluster": project},
        "admin": _admin(paths.admin_socket),
        "dynamic_resources": _dynamic_resources(),
        "static_resources": {"clusters": [_control_plane(paths.ads_socket)]},
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": _statistics()}}},
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
    }


def _admin(socket: Path) -> dict[str, Any]:
    return {
        "address": {"pipe": {"path": str(socket), "mode": 0o600}},
        "allow_paths": [{"exact": path} for path in ADMIN_PATHS] + [{"prefix": f"{path}?"} for path in ADMIN_PATHS],
    }


def _dynamic_resources() -> dict[str, Any]:
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "15s"}
    return {
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [{"envoy_grpc": {"cluster_name": CONTROL_PLANE, "retry_policy": _reconnects()}}],
        },
        "cds_config": source,
        "lds_config": source,
    }


def _reconnects() -> dict[str, Any]:
    """Envoy's own limit of 30 s would leave a new supervisor waiting that long."""
    return {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"}}


def _control_plane(socket: Path) -> dict[str, Any]:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": CONTROL_PLANE,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": CONTROL_PLANE,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": str(socket)}}}}]}],
        },
    }


def _statistics() -> list[dict[str, Any]]:
    wanted = "|".join(CLUSTER_STATS)
    services = "|".join(prefix.replace("|", r"\|").replace(".", r"\.") for prefix in _SERVICE_CLUSTERS)
    return [
        {"safe_regex": {"regex": rf"(?:{services}).*\.?(?:{wanted})"}},
        *({"prefix": prefix} for prefix in _SERVER_STATS),
    ]
