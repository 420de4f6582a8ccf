"""How requests travel, in Gateway API's and Istio's words: `traffic: {SERVICE: …}` and `mesh`."""

from sandbox.config.schema.traffic.filters import (
    CorsSpec,
    FilterSpec,
    HeadersSpec,
    PathModifierSpec,
)
from sandbox.config.schema.traffic.matches import HeaderSpec, MatchSpec, PathSpec, QueryParamSpec
from sandbox.config.schema.traffic.policy import (
    AuthorizationSpec,
    ConnectionPoolSpec,
    LoadBalancerSpec,
    MeshSpec,
    OutlierDetectionSpec,
    SessionPersistenceSpec,
    TrafficSpec,
)
from sandbox.config.schema.traffic.rules import (
    AbortSpec,
    DelaySpec,
    FaultSpec,
    RateLimitSpec,
    RetryBudgetSpec,
    RetrySpec,
    RuleSpec,
    TimeoutsSpec,
)

__all__ = [
    "AbortSpec",
    "AuthorizationSpec",
    "ConnectionPoolSpec",
    "CorsSpec",
    "DelaySpec",
    "FaultSpec",
    "FilterSpec",
    "HeaderSpec",
    "HeadersSpec",
    "LoadBalancerSpec",
    "MatchSpec",
    "MeshSpec",
    "OutlierDetectionSpec",
    "PathModifierSpec",
    "PathSpec",
    "QueryParamSpec",
    "RateLimitSpec",
    "RetryBudgetSpec",
    "RetrySpec",
    "RuleSpec",
    "SessionPersistenceSpec",
    "TimeoutsSpec",
    "TrafficSpec",
]
