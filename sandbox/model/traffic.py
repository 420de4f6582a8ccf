"""How requests travel: Gateway API's words where it has them, Istio's for the rest.

Times are seconds, percentages 0 to 100. A policy belongs to the service that is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MAX_REGEX_PROGRAM = 1000
"""RE2's ProgramSize up to which regular expressions are accepted; Envoy is started with the same limit."""

# --- which requests -----------------------------------------------------------------------------------------------


class MatchType(StrEnum):
    """Gateway API's HeaderMatchType, and `Present`."""

    EXACT = "Exact"
    REGULAR_EXPRESSION = "RegularExpression"
    PRESENT = "Present"


class PathMatchType(StrEnum):
    """Gateway API's PathMatchType. A prefix ends at a slash: `/v2` fits `/v2` and `/v2/x`, not `/v2x`."""

    EXACT = "Exact"
    PREFIX = "PathPrefix"
    REGULAR_EXPRESSION = "RegularExpression"  # RE2, of the whole path without its query


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMatch:
    value: str
    type: PathMatchType = PathMatchType.PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderMatch:
    name: str  # lower case
    value: str = ""
    type: MatchType = MatchType.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParamMatch:
    name: str
    value: str = ""
    type: MatchType = MatchType.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """All conditions must hold. No conditions match every request."""

    path: PathMatch | None = None
    headers: tuple[HeaderMatch, ...] = ()
    query_params: tuple[QueryParamMatch, ...] = ()
    method: str | None = None  # upper case
    callers: tuple[str, ...] = ()  # one of these services, or GATEWAY; empty: anybody

    @property
    def is_everything(self) -> bool:
        return self == Match()


# --- where they go and what happens to them on the way ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRef:
    version: str
    weight: int = 1  # proportion of the sum of the rule's weights; 0 means none


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A copy goes to another version, and its answer is thrown away."""

    version: str
    percentage: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderModifier:
    set: Mapping[str, str] = field(default_factory=dict)
    add: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PathModifier:
    """Exactly one of both. A prefix is replaced where the rule's match is by prefix."""

    replace_full: str | None = None
    replace_prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    scheme: str | None = None
    hostname: str | None = None
    port: int | None = None
    path: PathModifier | None = None
    status: int = 302


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    hostname: str | None = None
    path: PathModifier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectResponse:
    status: int
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    allow_origins: tuple[str, ...]  # exact, `*`, or with `*` as the first label: https://*.example.com
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: float | None = None
    allow_credentials: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Gateway API's HTTPRouteTimeouts, and `idle`. None means no limit."""

    request: float | None = None  # the whole request, all attempts together
    backend_request: float | None = None  # one attempt
    idle: float | None = None  # without a byte in either direction


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """How many retries may be under way, in proportion to the open requests: Envoy's retry_budget."""

    percent: float = 20.0
    min_concurrency: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Gateway API's HTTPRouteRetry. `attempts` counts retries, not the first try.

    Applies to idempotent methods (RFC 9110 §9.2.2); other methods are only retried where the request provably
    never reached the service, unless `methods` names them.
    """

    attempts: int
    codes: tuple[int, ...] = ()
    backoff: float = (
        0.025  # the first pause is up to this, by lot; each later one up to twice the last, ten times at most
    )
    on: tuple[str, ...] = ()  # Envoy's retry_on conditions, for HTTP and gRPC; empty: failed connections and resets
    methods: tuple[str, ...] = ()  # that may be sent again beside the idempotent ones, such as POST
    budget: RetryBudget | None = None
    hedge: bool = False  # a try that takes longer than backendRequest goes on while the next one begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    fixed: float
    percentage: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """Exactly one of the three."""

    http_status: int | None = None
    grpc_status: int | None = None
    reset: bool = False  # the connection breaks off in the middle of an answer
    percentage: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    delay: Delay | None = None
    abort: Abort | None = None


class LimitBy(StrEnum):
    ALL = "all"
    CALLER = "caller"
    HEADER = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket. Beyond it requests are answered with 429 and the RateLimit headers (draft 03)."""

    requests: int
    per: float = 1.0  # seconds
    burst: int | None = None  # None: `requests`
    by: LimitBy = LimitBy.ALL
    header: str | None = None  # of LimitBy.HEADER: each of its values has a bucket of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The first rule with a matching `matches` entry wins; empty `matches` match everything.

    At most one of `redirect`, `direct_response` and backends is what answers.
    """

    name: str | None = None
    matches: tuple[Match, ...] = ()
    backends: tuple[BackendRef, ...] = ()  # empty: all versions alike
    mirrors: tuple[Mirror, ...] = ()
    request_headers: HeaderModifier | None = None
    response_headers: HeaderModifier | None = None
    rewrite: Rewrite | None = None
    redirect: Redirect | None = None
    direct_response: DirectResponse | None = None
    cors: Cors | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: Retry | None = None  # None: only connection failures are retried
    fault: Fault | None = None
    rate_limit: RateLimit | None = None  # over the policy's


# --- the service as a whole ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPool:
    """Istio's connectionPool: beyond a limit requests are answered with 503 at once. None means no limit."""

    max_connections: int | None = None
    max_pending_requests: int | None = None
    max_requests: int | None = None  # at a time
    max_requests_per_connection: int | None = None
    max_retries: int | None = None  # at a time
    connect_timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierDetection:
    """Istio's outlierDetection: an instance that fails is left out for a while."""

    consecutive_5xx: int | None = 5
    consecutive_gateway_errors: int | None = None
    interval: float = 1.0
    base_ejection_time: float = 30.0
    max_ejection_percent: int = 100


class Balancing(StrEnum):
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"
    RANDOM = "RANDOM"
    CONSISTENT_HASH = "CONSISTENT_HASH"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancer:
    policy: Balancing = Balancing.LEAST_REQUEST
    hash_header: str | None = None  # of CONSISTENT_HASH, exactly one of the three
    hash_cookie: str | None = None
    hash_source: bool = False  # the caller's address


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPersistence:
    """Gateway API's sessionPersistence by cookie: who was answered by an instance stays with it."""

    cookie: str
    ttl: float | None = None  # None: until the browser is closed


class AuthorizationAction(StrEnum):
    ALLOW = "ALLOW"
    DENY = "DENY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRule:
    """Who may, or may not, call what. Empty means any."""

    action: AuthorizationAction
    callers: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()  # exact, or a prefix that ends in *
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPolicy:
    rules: tuple[Rule, ...] = ()
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    load_balancer: LoadBalancer | None = None
    session_persistence: SessionPersistence | None = None
    rate_limit: RateLimit | None = None
    concurrency: int | None = None  # requests of all callers together; beyond it they are answered with 503 at once
    authorization: tuple[AuthorizationRule, ...] = ()  # a DENY that fits wins; with any ALLOW, one has to fit


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSettings:
    """What holds for all services."""

    declared_only: bool = False  # `mesh: {authorization: declared}`: only declared edges may be used
    egress: bool = True  # False: `mesh: {egress: deny}`, hosts outside are reached only as services with `external`
