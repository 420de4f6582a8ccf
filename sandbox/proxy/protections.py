"""What a policy says of the service as a whole -> the settings of its clusters. Pure."""

from __future__ import annotations

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection as EnvoyOutlierDetection
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3.route_components_pb2 import RouteAction
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config as SetFilterState
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt32Value

from sandbox.model import Balancing, ConnectionPool, LoadBalancer, OutlierDetection, RetryBudget, TrafficPolicy
from sandbox.proxy.values import duration

SOURCE_HEADER = "x-sandbox-source"
"""The caller's address on the way to the inbound listener."""
SOURCE_FILTER = "envoy.filters.http.set_filter_state"

_SOURCE_STATE = "sandbox.source"

_UNLIMITED = 1_000_000
_MOST_RETRIES = 1024  # Envoy's own 3 turn one restart under load into thousands of 503
_POLICIES = {
    Balancing.ROUND_ROBIN: Cluster.ROUND_ROBIN,
    Balancing.LEAST_REQUEST: Cluster.LEAST_REQUEST,
    Balancing.RANDOM: Cluster.RANDOM,
    Balancing.CONSISTENT_HASH: Cluster.RING_HASH,
}


def breakers(policy: TrafficPolicy | None = None, *, concurrency: int | None = None) -> CircuitBreakers:
    """Without a policy, limits that nothing reaches: Envoy's own are for production fleets."""
    pool = (policy.connection_pool if policy is not None else None) or ConnectionPool()
    limits = CircuitBreakers.Thresholds(
        max_connections=_limit(pool.max_connections),
        max_pending_requests=_limit(pool.max_pending_requests),
        max_requests=_limit(_least(pool.max_requests, concurrency)),
        max_retries=_limit(pool.max_retries, _MOST_RETRIES),
    )
    budget = _budget(policy) if policy is not None else None
    if budget is not None and pool.max_retries is None:
        limits.retry_budget.budget_percent.CopyFrom(Percent(value=budget.percent))
        limits.retry_budget.min_retry_concurrency.CopyFrom(UInt32Value(value=budget.min_concurrency))
    return CircuitBreakers(thresholds=[limits])


def protect(cluster: Cluster, policy: TrafficPolicy) -> None:
    """What holds towards the instances, on a cluster that leads to them."""
    if policy.connection_pool is not None and policy.connection_pool.connect_timeout is not None:
        cluster.connect_timeout.CopyFrom(duration(max(0.001, policy.connection_pool.connect_timeout)))
    if policy.outlier_detection is not None:
        cluster.outlier_detection.CopyFrom(_outliers(policy.outlier_detection))
        # Where too many are left out Envoy would by itself send to all again, whatever max_ejection_percent says.
        cluster.common_lb_config.healthy_panic_threshold.CopyFrom(Percent(value=0))


def balance(cluster: Cluster, policy: TrafficPolicy) -> None:
    if policy.load_balancer is not None:
        cluster.lb_policy = _POLICIES[policy.load_balancer.policy]


def most_requests(policy: TrafficPolicy) -> int | None:
    """On one connection; None: without limit."""
    return policy.connection_pool.max_requests_per_connection if policy.connection_pool is not None else None


def hash_policies(balancer: LoadBalancer | None, *, inbound: bool) -> list[RouteAction.HashPolicy]:
    """What of a request says where it belongs. `inbound`: its connection comes from ourselves."""
    kind = RouteAction.HashPolicy
    if balancer is None or balancer.policy is not Balancing.CONSISTENT_HASH:
        return []
    if balancer.hash_header is not None:
        return [kind(header=kind.Header(header_name=balancer.hash_header))]
    if balancer.hash_cookie is not None:
        return [kind(cookie=kind.Cookie(name=balancer.hash_cookie, ttl=duration(0), path="/"))]
    if inbound:
        return [kind(filter_state=kind.FilterState(key=_SOURCE_STATE))]
    return [kind(connection_properties=kind.ConnectionProperties(source_ip=True))]


def source_filter() -> SetFilterState:
    """Keeps the address: when the instance is chosen, the header is gone already."""
    value = SubstitutionFormatString(
        text_format_source=DataSource(inline_string=f"%REQ({SOURCE_HEADER})%"), omit_empty_values=True
    )
    kept = FilterStateValue(
        object_key=_SOURCE_STATE, factory_key="envoy.hashable_string", format_string=value, skip_if_empty=True
    )
    return SetFilterState(on_request_headers=[kept])


def _outliers(wanted: OutlierDetection) -> EnvoyOutlierDetection:
    """What is not wanted is counted, but ejects nobody."""
    made = EnvoyOutlierDetection(
        interval=duration(max(0.001, wanted.interval)),
        base_ejection_time=duration(wanted.base_ejection_time),
        max_ejection_time=duration(max(300.0, wanted.base_ejection_time)),
        max_ejection_percent=UInt32Value(value=wanted.max_ejection_percent),
        enforcing_success_rate=UInt32Value(value=0),
        enforcing_consecutive_5xx=UInt32Value(value=100 if wanted.consecutive_5xx is not None else 0),
        enforcing_consecutive_gateway_failure=UInt32Value(
            value=100 if wanted.consecutive_gateway_errors is not None else 0
        ),
    )
    if wanted.consecutive_5xx is not None:
        made.consecutive_5xx.value = wanted.consecutive_5xx
    if wanted.consecutive_gateway_errors is not None:
        made.consecutive_gateway_failure.value = wanted.consecutive_gateway_errors
    return made


def _budget(policy: TrafficPolicy) -> RetryBudget | None:
    """Envoy counts retries by cluster, not by rule: the first rule's with one."""
    return next((one.retry.budget for one in policy.rules if one.retry is not None and one.retry.budget), None)


def _limit(value: int | None, otherwise: int = _UNLIMITED) -> UInt32Value:
    return UInt32Value(value=otherwise if value is None else value)


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)
