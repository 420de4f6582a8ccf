"""One rule: for which requests, where they go, and what happens to them on the way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sandbox.config.fields import (
    TEXT,
    AlsoAs,
    Attempts,
    Boolean,
    StatusCode,
    Text,
    Weight,
    fault,
)
from sandbox.config.schema.spec import Spec
from sandbox.config.schema.traffic.filters import FilterSpec
from sandbox.config.schema.traffic.matches import MatchSpec
from sandbox.config.trafficfields import (
    AnyStatus,
    Count,
    CountOrNone,
    GrpcStatus,
    HeaderName,
    Method,
    Percentage,
    PositiveTime,
    RuleName,
    Time,
)


class BackendRefSpec(Spec):
    version: Text = Field(description="A version of the service.")
    weight: Weight = Field(1, description="Its share, in proportion to the sum of the weights.")


class TimeoutsSpec(Spec):
    request: Time | None = Field(None, description="The whole request with all attempts; 0s is no limit.")
    backendRequest: Time | None = Field(None, description="One attempt; 0s is no limit.")
    idle: Time | None = Field(None, description="Without a byte in either direction; 0s is no limit.")


class RetryBudgetSpec(Spec):
    percent: Percentage = Field(20.0, description="Retries under way, in proportion to the open requests.")
    minConcurrency: CountOrNone = Field(3, description="So many may always be under way.")


Condition = Literal[
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "refused-stream",
    "retriable-4xx",
    "envoy-ratelimited",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
]
"""Envoy's x-envoy-retry-on and x-envoy-retry-grpc-on; `retriable-status-codes` is what `codes` says."""


class RetrySpec(Spec):
    attempts: Attempts = Field(1, description="How often to try again, beyond the first try.")
    codes: list[StatusCode] = Field(default_factory=list, description="Answers to try again after, such as 503.")
    backoff: PositiveTime | None = Field(
        None,
        description="The first pause is up to this, by lot; each later one up to twice the last. Default: 25ms.",
    )
    on: Annotated[list[Condition], AlsoAs(TEXT)] = Field(
        default_factory=list,
        description="Envoy's conditions to try again on, such as 5xx. Default: failed connections and resets.",
    )
    methods: Annotated[list[Method], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Methods to send again beside the idempotent ones, such as POST."
    )
    budget: RetryBudgetSpec | None = Field(None, description="How many retries may be under way.")
    hedge: Boolean = Field(
        False, description="A try that takes longer than backendRequest goes on while the next one begins."
    )


class DelaySpec(Spec):
    percentage: Percentage = Field(100.0, description="How many of the requests are delayed.")
    fixedDelay: PositiveTime = Field(description="By how long.")


class AbortSpec(Spec):
    percentage: Percentage = Field(100.0, description="How many of the requests are ended.")
    httpStatus: AnyStatus | None = Field(None, description="They are answered with this status.")
    grpcStatus: GrpcStatus | None = Field(None, description="They are answered with this status of gRPC.")
    reset: Boolean = Field(False, description="Their connection breaks off; over HTTP/1 after the head of a 502.")

    @model_validator(mode="after")
    def _one(self) -> AbortSpec:
        given = [self.httpStatus is not None, self.grpcStatus is not None, self.reset]
        if sum(given) != 1:
            what = "has more than one" if any(given) else "needs one"
            raise fault(f"{what} of httpStatus, grpcStatus and reset", "write one of them")
        return self


class FaultSpec(Spec):
    delay: DelaySpec | None = Field(None, description="Requests that take longer.")
    abort: AbortSpec | None = Field(None, description="Requests that end here.")

    @model_validator(mode="after")
    def _something(self) -> FaultSpec:
        if self.delay is None and self.abort is None:
            raise fault("does nothing", "add delay or abort")
        return self


class RateLimitSpec(Spec):
    requests: Count = Field(description="How many requests.")
    per: PositiveTime = Field(1.0, description="In how long a time.")
    burst: Count | None = Field(None, description="How many at once after a pause. Default: as requests.")
    by: Literal["all", "caller", "header"] | None = Field(
        None, description="Of all callers together, of each caller, or of each value of a header."
    )
    header: HeaderName | None = Field(None, description="The header whose values are told apart.")

    @model_validator(mode="after")
    def _usable(self) -> RateLimitSpec:
        if self.per < SHORTEST_FILL:
            raise fault("has a time under per that is shorter than 50ms", "write it like 1s")
        if self.by == "header" and self.header is None:
            raise fault("needs the header's name", "add header: x-user")
        if self.header is not None and self.by not in (None, "header"):
            raise fault(f"has a header and by: {self.by}", "take one of the two out")
        return self


SHORTEST_FILL = 0.05
"""Seconds: Envoy's shortest fill_interval of a token bucket."""


class RuleSpec(Spec):
    name: RuleName | None = Field(None, description="What the rule is called in messages.")
    matches: list[MatchSpec] = Field(
        default_factory=list, description="The rule holds when one of them fits; without any it always holds."
    )
    backendRefs: list[BackendRefSpec] = Field(
        default_factory=list, description="The versions that get the requests; all alike when absent."
    )
    filters: list[FilterSpec] = Field(default_factory=list, description="What is done to requests and answers.")
    timeouts: TimeoutsSpec | None = Field(None, description="How long a request may take.")
    retry: RetrySpec | None = Field(None, description="When to try again; methods that are idempotent only.")
    fault: FaultSpec | None = Field(None, description="What goes wrong on purpose.")
    rateLimit: RateLimitSpec | None = Field(None, description="How many requests at most, instead of the service's.")
