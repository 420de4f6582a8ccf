"""From the model to the smallest document in sandbox.yaml's words: what it says by default is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.config.durations import format_duration
from sandbox.config.traffic.optional import optional
from sandbox.model import (
    Abort,
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

Plain = dict[str, Any]


def document(policy: TrafficPolicy) -> Plain:
    """What stands under `traffic: {SERVICE: …}`, in strings, numbers, booleans, lists and maps. Parsing it gives the
    policy again. A $ is a $, as everywhere but in a file."""
    return _said(
        rules=[_rule(rule) for rule in policy.rules] or None,
        connectionPool=optional(_pool, policy.connection_pool),
        outlierDetection=optional(_outliers, policy.outlier_detection),
        loadBalancer=optional(_balancer, policy.load_balancer),
        sessionPersistence=optional(_session, policy.session_persistence),
        rateLimit=optional(_rate_limit, policy.rate_limit),
        concurrency=policy.concurrency,
        authorization=[_authorization(rule) for rule in policy.authorization] or None,
    )


def _said(**values: Any) -> Plain:
    return {name: value for name, value in values.items() if value is not None}


# --- rules --------------------------------------------------------------------------------------------------------


def _rule(rule: Rule) -> Plain:
    return _said(
        name=rule.name,
        matches=[match_document(match) for match in rule.matches] or None,
        backendRefs=_backends(rule.backends) or None,
        filters=_filters(rule) or None,
        timeouts=_timeouts(rule.timeouts) or None,
        retry=optional(_retry, rule.retry),
        fault=optional(_fault, rule.fault),
        rateLimit=optional(_rate_limit, rule.rate_limit),
    )


def match_document(match: Match) -> Plain:
    """One entry of `matches`."""
    return {
        **_said(
            path=optional(_path, match.path),
            headers=_compared(match.headers) or None,
            queryParams=_compared(match.query_params) or None,
            method=match.method,
        ),
        **({"from": list(match.callers)} if match.callers else {}),
    }


def _path(path: PathMatch) -> Plain:
    return _said(type=None if path.type is PathMatchType.PREFIX else str(path.type), value=path.value)


def _compared(conditions: Sequence[HeaderMatch | QueryParamMatch]) -> Plain | list[Plain]:
    """A map, unless a name is there twice."""
    names = [condition.name for condition in conditions]
    if len({*names}) == len(names):
        return {condition.name: _comparison(condition) for condition in conditions}
    return [{"name": condition.name, **_typed(condition)} for condition in conditions]


def _comparison(condition: HeaderMatch | QueryParamMatch) -> Plain | str:
    return condition.value if condition.type is MatchType.EXACT else _typed(condition)


def _typed(condition: HeaderMatch | QueryParamMatch) -> Plain:
    return _said(
        type=None if condition.type is MatchType.EXACT else str(condition.type),
        value=None if condition.type is MatchType.PRESENT else condition.value,
    )


def _backends(backends: Sequence[BackendRef]) -> list[Plain]:
    """With several all weights are written, as each says little without the others."""
    return [
        _said(version=backend.version, weight=backend.weight if len(backends) > 1 or backend.weight != 1 else None)
        for backend in backends
    ]


def _filters(rule: Rule) -> list[Plain]:
    found: list[tuple[str, str, Plain | None]] = [
        ("CORS", "cors", optional(_cors, rule.cors)),
        ("RequestHeaderModifier", "requestHeaderModifier", optional(_headers, rule.request_headers)),
        ("URLRewrite", "urlRewrite", optional(_rewrite, rule.rewrite)),
        *(("RequestMirror", "requestMirror", _mirror(mirror)) for mirror in rule.mirrors),
        ("RequestRedirect", "requestRedirect", optional(_redirect, rule.redirect)),
        ("DirectResponse", "directResponse", optional(_response, rule.direct_response)),
        ("ResponseHeaderModifier", "responseHeaderModifier", optional(_headers, rule.response_headers)),
    ]
    return [{"type": kind, key: value} for kind, key, value in found if value is not None]


def _response(response: DirectResponse) -> Plain:
    return _said(status=response.status, body=response.body or None)


def _mirror(mirror: Mirror) -> Plain:
    return {"backendRef": {"version": mirror.version}, **_percentage("percent", mirror.percentage)}


def _headers(modifier: HeaderModifier) -> Plain:
    return _said(set=dict(modifier.set) or None, add=dict(modifier.add) or None, remove=list(modifier.remove) or None)


def _modifier(path: PathModifier) -> Plain:
    if path.replace_full is not None:
        return {"type": "ReplaceFullPath", "replaceFullPath": path.replace_full}
    return {"type": "ReplacePrefixMatch", "replacePrefixMatch": path.replace_prefix}


def _redirect(redirect: Redirect) -> Plain:
    return _said(
        scheme=redirect.scheme,
        hostname=redirect.hostname,
        port=redirect.port,
        path=optional(_modifier, redirect.path),
        statusCode=None if redirect.status == 302 else redirect.status,
    )


def _rewrite(rewrite: Rewrite) -> Plain:
    return _said(hostname=rewrite.hostname, path=optional(_modifier, rewrite.path))


def _cors(cors: Cors) -> Plain:
    return _said(
        allowOrigins=list(cors.allow_origins),
        allowMethods=list(cors.allow_methods) or None,
        allowHeaders=list(cors.allow_headers) or None,
        exposeHeaders=list(cors.expose_headers) or None,
        maxAge=_duration(cors.max_age),
        allowCredentials=cors.allow_credentials or None,
    )


def _timeouts(timeouts: Timeouts) -> Plain:
    return _said(
        request=_duration(timeouts.request),
        backendRequest=_duration(timeouts.backend_request),
        idle=_duration(timeouts.idle),
    )


def _retry(retry: Retry) -> Plain:
    usual = Retry(attempts=0)
    return _said(
        attempts=retry.attempts,
        codes=list(retry.codes) or None,
        backoff=None if retry.backoff == usual.backoff else format_duration(retry.backoff),
        on=list(retry.on) or None,
        methods=list(retry.methods) or None,
        budget=optional(_budget, retry.budget),
        hedge=retry.hedge or None,
    )


def _budget(budget: RetryBudget) -> Plain:
    return {"percent": _number(budget.percent), "minConcurrency": budget.min_concurrency}


def _fault(fault: Fault) -> Plain:
    return _said(delay=optional(_delay, fault.delay), abort=optional(_abort, fault.abort))


def _delay(delay: Delay) -> Plain:
    return {**_percentage("percentage", delay.percentage), "fixedDelay": format_duration(delay.fixed)}


def _abort(abort: Abort) -> Plain:
    return {
        **_percentage("percentage", abort.percentage),
        **_said(httpStatus=abort.http_status, grpcStatus=abort.grpc_status, reset=abort.reset or None),
    }


# --- the service as a whole ---------------------------------------------------------------------------------------


def _rate_limit(limit: RateLimit) -> Plain:
    return _said(
        requests=limit.requests,
        per=format_duration(limit.per),
        burst=limit.burst,
        by=None if limit.by is LimitBy.ALL else str(limit.by),
        header=limit.header,
    )


def _pool(pool: ConnectionPool) -> Plain:
    return _said(
        maxConnections=pool.max_connections,
        maxPendingRequests=pool.max_pending_requests,
        maxRequests=pool.max_requests,
        maxRequestsPerConnection=pool.max_requests_per_connection,
        maxRetries=pool.max_retries,
        connectTimeout=_duration(pool.connect_timeout),
    )


def _outliers(outliers: OutlierDetection) -> Plain:
    usual = OutlierDetection()

    def unless(same: object, value: object) -> object:
        return None if value == same else value

    return _said(
        consecutive5xxErrors=unless(usual.consecutive_5xx, outliers.consecutive_5xx or 0),
        consecutiveGatewayErrors=outliers.consecutive_gateway_errors,
        interval=unless(format_duration(usual.interval), format_duration(outliers.interval)),
        baseEjectionTime=unless(
            format_duration(usual.base_ejection_time), format_duration(outliers.base_ejection_time)
        ),
        maxEjectionPercent=unless(usual.max_ejection_percent, outliers.max_ejection_percent),
    )


def _balancer(balancer: LoadBalancer) -> Plain:
    if balancer.policy is not Balancing.CONSISTENT_HASH:
        return {"simple": str(balancer.policy)}
    return {
        "consistentHash": _said(
            httpHeaderName=balancer.hash_header,
            httpCookie=None if balancer.hash_cookie is None else {"name": balancer.hash_cookie},
            useSourceIp=balancer.hash_source or None,
        )
    }


def _session(session: SessionPersistence) -> Plain:
    return _said(sessionName=session.cookie, absoluteTimeout=_duration(session.ttl))


def _authorization(rule: AuthorizationRule) -> Plain:
    named = {"name": rule.name} if rule.name else {}
    callers = {"from": list(rule.callers)} if rule.callers else {}
    return {
        **named,
        "action": str(rule.action),
        **callers,
        **_said(methods=list(rule.methods) or None, paths=list(rule.paths) or None),
    }


# --- values -------------------------------------------------------------------------------------------------------


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else format_duration(seconds)


def _percentage(name: str, percentage: float) -> Plain:
    return {} if percentage == 100 else {name: _number(percentage)}


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value
