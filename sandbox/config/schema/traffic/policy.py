"""What holds for a service as a whole, and for all of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sandbox.config.fields import TEXT, AlsoAs, Boolean, Text, fault
from sandbox.config.schema.spec import Spec
from sandbox.config.schema.traffic.rules import RateLimitSpec, RuleSpec
from sandbox.config.trafficfields import (
    AuthorizedPath,
    Count,
    CountOrNone,
    HeaderName,
    Method,
    PositiveTime,
    RuleName,
    Time,
    Token,
    WholePercent,
)

ISTIOS_POOL: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "tcp": {"type": "object", "properties": {"maxConnections": {}, "connectTimeout": {}}},
        "http": {
            "type": "object",
            "properties": {
                "http1MaxPendingRequests": {},
                "http2MaxRequests": {},
                "maxRequestsPerConnection": {},
                "maxRetries": {},
            },
        },
    },
}
"""Istio's nesting, which `expand` turns into ours."""


class ConnectionPoolSpec(Spec):
    maxConnections: Count | None = Field(None, description="Connections to each version at a time.")
    maxPendingRequests: Count | None = Field(None, description="Requests that wait for a connection.")
    maxRequests: Count | None = Field(None, description="Requests under way at a time.")
    maxRequestsPerConnection: Count | None = Field(None, description="Then the connection is closed.")
    maxRetries: CountOrNone | None = Field(None, description="Retries under way at a time.")
    connectTimeout: PositiveTime | None = Field(None, description="How long connecting may take.")


class OutlierDetectionSpec(Spec):
    consecutive5xxErrors: CountOrNone = Field(5, description="Answers of 5xx in a row; 0: they do not count.")
    consecutiveGatewayErrors: CountOrNone = Field(
        0, description="Answers of 502, 503 and 504 in a row; 0: they do not count."
    )
    interval: PositiveTime = Field(1.0, description="How often it is looked at.")
    baseEjectionTime: PositiveTime = Field(
        30.0, description="How long an instance is left out, times how often it was."
    )
    maxEjectionPercent: WholePercent = Field(100, description="How many of the instances at most.")

    @model_validator(mode="after")
    def _something(self) -> OutlierDetectionSpec:
        if not self.consecutive5xxErrors and not self.consecutiveGatewayErrors:
            raise fault("counts nothing", "give consecutive5xxErrors or consecutiveGatewayErrors a number")
        return self


class CookieSpec(Spec):
    name: Token = Field(description="The cookie's name.")


class ConsistentHashSpec(Spec):
    httpHeaderName: HeaderName | None = Field(None, description="By the value of this header.")
    httpCookie: Annotated[CookieSpec | None, AlsoAs(TEXT)] = Field(
        None, description="By the value of this cookie, which is set where it is missing."
    )
    useSourceIp: Boolean = Field(False, description="By the caller's address.")

    @model_validator(mode="after")
    def _one(self) -> ConsistentHashSpec:
        given = [self.httpHeaderName is not None, self.httpCookie is not None, self.useSourceIp]
        if sum(given) != 1:
            what = "has more than one" if any(given) else "needs one"
            raise fault(f"{what} of httpHeaderName, httpCookie and useSourceIp", "write one of them")
        return self


class LoadBalancerSpec(Spec):
    simple: Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"] | None = Field(
        None, description="How the next instance is chosen. Default: LEAST_REQUEST."
    )
    consistentHash: ConsistentHashSpec | None = Field(None, description="The same goes to the same instance.")

    @model_validator(mode="after")
    def _one(self) -> LoadBalancerSpec:
        if self.simple is not None and self.consistentHash is not None:
            raise fault("has both simple and consistentHash", "keep one of the two")
        if self.simple is None and self.consistentHash is None:
            raise fault("needs simple or consistentHash", "write simple: ROUND_ROBIN")
        return self


class SessionPersistenceSpec(Spec):
    type: Literal["Cookie"] = Field("Cookie", description="How a session is known.")
    sessionName: Token = Field(description="The cookie's name.")
    absoluteTimeout: Time | None = Field(
        None, description="How long the cookie lives; 0s and by default: until the browser is closed."
    )


class AuthorizationSpec(Spec):
    name: RuleName | None = Field(None, description="What the rule is called in the answer to who is denied.")
    action: Literal["ALLOW", "DENY"] = Field(
        "ALLOW", description="DENY wins over ALLOW. Where there is any ALLOW, a call has to fit one."
    )
    callers: Annotated[list[Text], AlsoAs(TEXT)] = Field(
        default_factory=list, alias="from", description="Services that call, or gateway; all when absent."
    )
    methods: Annotated[list[Method], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Methods; all when absent."
    )
    paths: Annotated[list[AuthorizedPath], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Whole paths, or beginnings that end in *; all when absent."
    )


class TrafficSpec(Spec):
    rules: list[RuleSpec] = Field(default_factory=list, description="The first rule that fits a request holds.")
    connectionPool: Annotated[ConnectionPoolSpec | None, AlsoAs(ISTIOS_POOL)] = Field(
        None, description="Limits of each caller; beyond them requests are answered with 503 at once."
    )
    outlierDetection: OutlierDetectionSpec | None = Field(
        None, description="When an instance that fails is left out for a while."
    )
    loadBalancer: LoadBalancerSpec | None = Field(None, description="How requests are spread over instances.")
    sessionPersistence: SessionPersistenceSpec | None = Field(
        None, description="Who was answered by an instance stays with it."
    )
    rateLimit: RateLimitSpec | None = Field(None, description="How many requests at most; beyond it: 429.")
    concurrency: Count | None = Field(
        None, description="Requests of all callers at a time; beyond it they are answered with 503 at once."
    )
    authorization: list[AuthorizationSpec] = Field(default_factory=list, description="Who may call what.")


class MeshSpec(Spec):
    authorization: Literal["allow", "declared"] | None = Field(
        None, description="declared: services may only call those they name in depends_on or environment."
    )
    egress: Literal["allow", "deny"] | None = Field(
        None, description="deny: hosts outside are only reached as services with external."
    )
