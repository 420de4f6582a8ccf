"""From the validated words to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sandbox.config.schema.traffic import (
    AbortSpec,
    AuthorizationSpec,
    ConnectionPoolSpec,
    CorsSpec,
    DelaySpec,
    FaultSpec,
    FilterSpec,
    HeadersSpec,
    LoadBalancerSpec,
    MatchSpec,
    MeshSpec,
    OutlierDetectionSpec,
    PathModifierSpec,
    PathSpec,
    RateLimitSpec,
    RetryBudgetSpec,
    RetrySpec,
    RuleSpec,
    SessionPersistenceSpec,
    TimeoutsSpec,
    TrafficSpec,
)
from sandbox.config.traffic.optional import optional
from sandbox.model import (
    Abort,
    AuthorizationAction,
    AuthorizationRule,
    BackendRef,
    Balancing,
    ConnectionPool,
    Cors,
    Delay,
    DirectResponse,
    Fault,
    HeaderMatch,
    HeaderModifier,
    LimitBy,
    LoadBalancer,
    Match,
    MatchType,
    MeshSettings,
    Mirror,
    OutlierDetection,
    PathMatch,
    PathMatchType,
    PathModifier,
    QueryParamMatch,
    RateLimit,
    Redirect,
    Retry,
    RetryBudget,
    Rewrite,
    Rule,
    SessionPersistence,
    Timeouts,
    TrafficPolicy,
)


def policy(spec: TrafficSpec) -> TrafficPolicy:
    return TrafficPolicy(
        rules=tuple(_rule(rule) for rule in spec.rules),
        connection_pool=optional(_pool, spec.connectionPool),
        outlier_detection=optional(_outliers, spec.outlierDetection),
        load_balancer=optional(_balancer, spec.loadBalancer),
        session_persistence=optional(_session, spec.sessionPersistence),
        rate_limit=optional(_rate_limit, spec.rateLimit),
        concurrency=spec.concurrency,
        authorization=tuple(_authorization(rule) for rule in spec.authorization),
    )


def mesh(spec: MeshSpec | None) -> MeshSettings:
    if spec is None:
        return MeshSettings()
    return MeshSettings(declared_only=spec.authorization == "declared", egress=spec.egress != "deny")


# --- rules --------------------------------------------------------------------------------------------------------


def _rule(spec: RuleSpec) -> Rule:
    return Rule(
        name=spec.name,
        matches=tuple(_match(match) for match in spec.matches),
        backends=tuple(BackendRef(version=ref.version, weight=ref.weight) for ref in spec.backendRefs),
        timeouts=_timeouts(spec.timeouts or TimeoutsSpec()),
        retry=optional(_retry, spec.retry),
        fault=optional(_fault, spec.fault),
        rate_limit=optional(_rate_limit, spec.rateLimit),
        **_filters(spec.filters),
    )


def _match(spec: MatchSpec) -> Match:
    return Match(
        path=optional(_path, spec.path),
        headers=tuple(
            HeaderMatch(name=header.name, value=header.value or "", type=MatchType(header.type))
            for header in spec.headers
        ),
        query_params=tuple(
            QueryParamMatch(name=param.name, value=param.value or "", type=MatchType(param.type))
            for param in spec.queryParams
        ),
        method=spec.method,
        callers=tuple(dict.fromkeys(spec.callers)),
    )


def _path(spec: PathSpec) -> PathMatch:
    """A prefix means the same with and without a slash at its end."""
    kind = PathMatchType(spec.type)
    value = spec.value
    if kind is PathMatchType.PREFIX:
        value = value.rstrip("/") or "/"
    return PathMatch(value=value, type=kind)


def _filters(specs: Sequence[FilterSpec]) -> dict[str, Any]:
    """The fields of a rule that its filters are. Of each kind but mirrors there is one."""
    given: dict[str, Any] = {}
    mirrors: list[Mirror] = []
    for spec in specs:
        if spec.requestMirror:
            mirror = spec.requestMirror
            mirrors.append(Mirror(version=mirror.backendRef.version, percentage=mirror.percent))
        elif spec.requestHeaderModifier:
            given["request_headers"] = _headers(spec.requestHeaderModifier)
        elif spec.responseHeaderModifier:
            given["response_headers"] = _headers(spec.responseHeaderModifier)
        elif spec.urlRewrite:
            rewrite = spec.urlRewrite
            given["rewrite"] = Rewrite(hostname=rewrite.hostname, path=optional(_modifier, rewrite.path))
        elif spec.requestRedirect:
            redirect = spec.requestRedirect
            given["redirect"] = Redirect(
                scheme=redirect.scheme,
                hostname=redirect.hostname,
                port=redirect.port,
                path=optional(_modifier, redirect.path),
                status=redirect.statusCode,
            )
        elif spec.directResponse:
            given["direct_response"] = DirectResponse(status=spec.directResponse.status, body=spec.directResponse.body)
        elif spec.cors:
            given["cors"] = _cors(spec.cors)
    return {**given, "mirrors": tuple(mirrors)}


def _headers(spec: HeadersSpec) -> HeaderModifier:
    return HeaderModifier(
        set={header.name: header.value for header in spec.set},
        add={header.name: header.value for header in spec.add},
        remove=tuple(spec.remove),
    )


def _modifier(spec: PathModifierSpec) -> PathModifier:
    return PathModifier(replace_full=spec.replaceFullPath, replace_prefix=spec.replacePrefixMatch)


def _cors(spec: CorsSpec) -> Cors:
    return Cors(
        allow_origins=tuple(spec.allowOrigins),
        allow_methods=tuple(spec.allowMethods),
        allow_headers=tuple(spec.allowHeaders),
        expose_headers=tuple(spec.exposeHeaders),
        max_age=spec.maxAge,
        allow_credentials=spec.allowCredentials,
    )


def _timeouts(spec: TimeoutsSpec) -> Timeouts:
    """Zero means no limit, as in Gateway API."""
    return Timeouts(request=spec.request or None, backend_request=spec.backendRequest or None, idle=spec.idle or None)


def _retry(spec: RetrySpec) -> Retry:
    retry = Retry(
        attempts=spec.attempts,
        codes=tuple(spec.codes),
        on=tuple(spec.on),
        methods=tuple(spec.methods),
        budget=optional(_budget, spec.budget),
        hedge=spec.hedge,
    )
    return retry if spec.backoff is None else replace(retry, backoff=spec.backoff)


def _budget(spec: RetryBudgetSpec) -> RetryBudget:
    return RetryBudget(percent=spec.percent, min_concurrency=spec.minConcurrency)


def _fault(spec: FaultSpec) -> Fault:
    return Fault(delay=optional(_delay, spec.delay), abort=optional(_abort, spec.abort))


def _delay(spec: DelaySpec) -> Delay:
    return Delay(fixed=spec.fixedDelay, percentage=spec.percentage)


def _abort(spec: AbortSpec) -> Abort:
    return Abort(http_status=spec.httpStatus, grpc_status=spec.grpcStatus, reset=spec.reset, percentage=spec.percentage)


# --- the service as a whole ---------------------------------------------------------------------------------------


def _rate_limit(spec: RateLimitSpec) -> RateLimit:
    by = LimitBy.HEADER if spec.header is not None else LimitBy(spec.by or LimitBy.ALL)
    return RateLimit(requests=spec.requests, per=spec.per, burst=spec.burst, by=by, header=spec.header)


def _pool(spec: ConnectionPoolSpec) -> ConnectionPool:
    return ConnectionPool(
        max_connections=spec.maxConnections,
        max_pending_requests=spec.maxPendingRequests,
        max_requests=spec.maxRequests,
        max_requests_per_connection=spec.maxRequestsPerConnection,
        max_retries=spec.maxRetries,
        connect_timeout=spec.connectTimeout,
    )


def _outliers(spec: OutlierDetectionSpec) -> OutlierDetection:
    return OutlierDetection(
        consecutive_5xx=spec.consecutive5xxErrors or None,
        consecutive_gateway_errors=spec.consecutiveGatewayErrors or None,
        interval=spec.interval,
        base_ejection_time=spec.baseEjectionTime,
        max_ejection_percent=spec.maxEjectionPercent,
    )


def _balancer(spec: LoadBalancerSpec) -> LoadBalancer:
    hashed = spec.consistentHash
    if hashed is None:
        return LoadBalancer(policy=Balancing(spec.simple or Balancing.LEAST_REQUEST))
    return LoadBalancer(
        policy=Balancing.CONSISTENT_HASH,
        hash_header=hashed.httpHeaderName,
        hash_cookie=None if hashed.httpCookie is None else hashed.httpCookie.name,
        hash_source=hashed.useSourceIp,
    )


def _session(spec: SessionPersistenceSpec) -> SessionPersistence:
    return SessionPersistence(cookie=spec.sessionName, ttl=spec.absoluteTimeout or None)


def _authorization(spec: AuthorizationSpec) -> AuthorizationRule:
    return AuthorizationRule(
        action=AuthorizationAction(spec.action),
        callers=tuple(dict.fromkeys(spec.callers)),
        methods=tuple(dict.fromkeys(spec.methods)),
        paths=tuple(dict.fromkeys(spec.paths)),
        name=spec.name,
    )
