"""Any traffic policy that the checks accept, and its document in the file's words.

`policies` gives policies of a service with the given versions and callers; `documents` gives what `parse_policies`
takes. All of it is valid: what Envoy refuses of it is a fault of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from sandbox.config.checks.reach import contradiction, unreachable
from sandbox.config.traffic.document import document
from sandbox.model import (
    GATEWAY,
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

VERSIONS = ("v1", "v2")
CALLERS = (GATEWAY, "a", "b")

SECONDS = st.integers(1, 3_600_000).map(lambda milliseconds: milliseconds / 1000)
PERCENTAGES = st.integers(0, 100).map(float) | st.integers(0, 1_000_000).map(lambda millionths: millionths / 10_000)
COUNTS = st.integers(1, 1_000_000_000)
TOKENS = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
HEADER_NAMES = TOKENS.filter(
    lambda name: name not in ("host", "connection", "te", "trailer", "upgrade", "keep-alive", "content-length")
)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12) | st.text(
    st.characters(exclude_categories=["C"]), max_size=4
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
SEGMENTS = st.from_regex(r"/[A-Za-z0-9_~$%&'()*+,;=:@!-]{1,6}", fullmatch=True).filter(
    lambda text: "%2f" not in text.lower()
)
PATHS = st.just("/") | st.lists(SEGMENTS, min_size=1, max_size=3).map("".join)
EXPRESSIONS = st.sampled_from(
    [r"[a-z]+", r".*", r"v[0-9]{1,3}", r"(red|blue)-.*", r"\d+\.\d+", r"(?i)team", r"a$|^b", r"\w{2,5}", r"[^/]*"]
)
HOSTS = st.from_regex(r"[a-z][a-z0-9]{0,5}(\.[a-z]{2,4}){0,2}", fullmatch=True)


PATH_MATCHES = st.builds(
    PathMatch, value=PATHS, type=st.sampled_from([PathMatchType.EXACT, PathMatchType.PREFIX])
) | st.builds(PathMatch, value=EXPRESSIONS.map("/{}".format), type=st.just(PathMatchType.REGULAR_EXPRESSION))


def _conditions(kind: Any) -> st.SearchStrategy[Any]:
    """At most two, which can hold together."""
    one = (
        st.builds(kind, name=TOKENS, value=VALUES, type=st.just(MatchType.EXACT))
        | st.builds(kind, name=TOKENS, value=EXPRESSIONS, type=st.just(MatchType.REGULAR_EXPRESSION))
        | st.builds(kind, name=TOKENS, type=st.just(MatchType.PRESENT))
    )
    return st.lists(one, max_size=2).map(tuple).filter(lambda found: contradiction(found) is None)


HEADER_MATCHES = _conditions(HeaderMatch)
QUERY_PARAM_MATCHES = _conditions(QueryParamMatch)


def _some(values: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to two of them."""
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple) if values else st.just(())


def matches(callers: Sequence[str] = CALLERS) -> st.SearchStrategy[Match]:
    return st.builds(
        Match,
        path=st.none() | PATH_MATCHES,
        headers=HEADER_MATCHES,
        query_params=QUERY_PARAM_MATCHES,
        method=st.none() | METHODS,
        callers=_some(callers),
    )


def _modifier(names: Sequence[str], values: Sequence[str], cuts: tuple[int, int]) -> HeaderModifier:
    first, second = sorted(cut % (len(names) + 1) for cut in cuts)
    pairs = list(zip(names, values, strict=False))
    return HeaderModifier(set=dict(pairs[:first]), add=dict(pairs[first:second]), remove=tuple(names[second:]))


HEADER_MODIFIERS = st.builds(
    _modifier,
    st.lists(HEADER_NAMES, min_size=1, max_size=4, unique=True),
    st.lists(VALUES, min_size=4, max_size=4),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
FULL_PATHS = st.builds(PathModifier, replace_full=PATHS)
PREFIXES = FULL_PATHS | st.builds(PathModifier, replace_prefix=PATHS)

CONDITIONS = st.sampled_from(
    ["5xx", "gateway-error", "reset", "connect-failure", "refused-stream", "unavailable", "cancelled", "internal"]
)
RETRIES = st.builds(
    Retry,
    attempts=st.integers(0, 100),
    codes=st.lists(st.integers(400, 599), max_size=3, unique=True).map(tuple),
    backoff=SECONDS,
    on=st.lists(CONDITIONS, max_size=3, unique=True).map(tuple),
    methods=st.lists(METHODS, max_size=2, unique=True).map(tuple),
    budget=st.none() | st.builds(RetryBudget, percent=PERCENTAGES, min_concurrency=st.integers(0, 100)),
    hedge=st.booleans(),
)
DELAYS = st.builds(Delay, fixed=SECONDS, percentage=PERCENTAGES)
ABORTS = (
    st.builds(Abort, http_status=st.integers(200, 599), percentage=PERCENTAGES)
    | st.builds(Abort, grpc_status=st.integers(0, 16), percentage=PERCENTAGES)
    | st.builds(Abort, reset=st.just(True), percentage=PERCENTAGES)
)
FAULTS = st.builds(Fault, delay=DELAYS) | st.builds(Fault, abort=ABORTS) | st.builds(Fault, delay=DELAYS, abort=ABORTS)
_LIMIT: dict[str, Any] = {
    "requests": COUNTS,
    "per": SECONDS.map(lambda seconds: max(seconds, 0.05)),
    "burst": st.none() | COUNTS,
}
RATE_LIMITS = st.builds(RateLimit, by=st.sampled_from([LimitBy.ALL, LimitBy.CALLER]), **_LIMIT) | st.builds(
    RateLimit, by=st.just(LimitBy.HEADER), header=TOKENS, **_LIMIT
)
ORIGINS = st.just("*") | HOSTS.map("https://{}".format) | HOSTS.map("http://*.{}:8080".format)
CORS = st.builds(
    Cors,
    allow_origins=st.lists(ORIGINS, min_size=1, max_size=3, unique=True).map(tuple),
    allow_methods=st.lists(METHODS, max_size=2, unique=True).map(tuple),
    allow_headers=st.lists(TOKENS, max_size=2, unique=True).map(tuple),
    expose_headers=st.lists(TOKENS, max_size=2, unique=True).map(tuple),
    max_age=st.none() | st.integers(0, 86400).map(float),
    allow_credentials=st.booleans(),
)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Most of the time nothing: a rule with everything in it shows little."""
    return st.one_of(st.none(), st.none(), strategy)


def _timeouts(one: float, other: float, has_attempt: bool, has_whole: bool, idle: float | None) -> Timeouts:
    first, second = sorted((one, other))
    return Timeouts(request=second if has_whole else None, backend_request=first if has_attempt else None, idle=idle)


TIMEOUTS = st.builds(_timeouts, SECONDS, SECONDS, st.booleans(), st.booleans(), st.none() | SECONDS)


def rules(versions: Sequence[str] = VERSIONS, callers: Sequence[str] = CALLERS) -> st.SearchStrategy[Rule]:
    common: dict[str, Any] = {
        "matches": st.lists(matches(callers), max_size=3).map(tuple),
        "request_headers": _maybe(HEADER_MODIFIERS),
        "response_headers": _maybe(HEADER_MODIFIERS),
        "cors": _maybe(CORS),
        "timeouts": TIMEOUTS,
        "retry": _maybe(RETRIES),
        "fault": _maybe(FAULTS),
        "rate_limit": _maybe(RATE_LIMITS),
    }
    rewrites = st.builds(Rewrite, hostname=HOSTS, path=st.none() | PREFIXES) | st.builds(Rewrite, path=PREFIXES)
    to_service = st.builds(
        Rule,
        backends=_backends(versions),
        mirrors=st.lists(st.builds(Mirror, version=st.sampled_from(versions), percentage=PERCENTAGES), max_size=2).map(
            tuple
        ),
        rewrite=_maybe(rewrites),
        **common,
    )
    redirect = st.builds(
        Redirect,
        scheme=st.sampled_from([None, "http", "https"]),
        hostname=HOSTS,
        port=st.none() | st.integers(1, 65535),
        path=st.none() | PREFIXES,
        status=st.sampled_from([301, 302, 303, 307, 308]),
    )
    direct = st.builds(DirectResponse, status=st.integers(200, 599), body=BODIES)
    answers = st.builds(Rule, redirect=redirect, **common) | st.builds(Rule, direct_response=direct, **common)
    return st.one_of(to_service, to_service, answers).map(_consistent)


BODIES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def _backends(versions: Sequence[str]) -> st.SearchStrategy[tuple[BackendRef, ...]]:
    one = st.builds(BackendRef, version=st.sampled_from(versions), weight=st.integers(0, 1000))
    some = st.lists(one, max_size=len(versions), unique_by=lambda backend: backend.version)
    return some.filter(lambda found: not found or any(backend.weight for backend in found)).map(tuple)


def _consistent(rule: Rule) -> Rule:
    """Without a prefix to replace where none is matched, and without hedging that knows no time."""
    by_prefix = all(match.path is None or match.path.type is PathMatchType.PREFIX for match in rule.matches)
    if rule.rewrite is not None and not by_prefix:
        rule = replace(rule, rewrite=replace(rule.rewrite, path=_whole(rule.rewrite.path)))
    if rule.redirect is not None and not by_prefix:
        rule = replace(rule, redirect=replace(rule.redirect, path=_whole(rule.redirect.path)))
    if rule.retry is not None and rule.timeouts.backend_request is None:
        rule = replace(rule, retry=replace(rule.retry, hedge=False))
    return rule


def _whole(path: PathModifier | None) -> PathModifier | None:
    if path is None or path.replace_prefix is None:
        return path
    return PathModifier(replace_full=path.replace_prefix)


_HASHED = st.just(Balancing.CONSISTENT_HASH)
LOAD_BALANCERS = (
    st.builds(LoadBalancer, policy=st.sampled_from([Balancing.ROUND_ROBIN, Balancing.LEAST_REQUEST, Balancing.RANDOM]))
    | st.builds(LoadBalancer, policy=_HASHED, hash_header=TOKENS)
    | st.builds(LoadBalancer, policy=_HASHED, hash_cookie=TOKENS)
    | st.builds(LoadBalancer, policy=_HASHED, hash_source=st.just(True))
)
OUTLIER_DETECTIONS = st.builds(
    OutlierDetection,
    consecutive_5xx=st.none() | COUNTS,
    consecutive_gateway_errors=st.none() | COUNTS,
    interval=SECONDS,
    base_ejection_time=SECONDS,
    max_ejection_percent=st.integers(0, 100),
).filter(lambda found: bool(found.consecutive_5xx or found.consecutive_gateway_errors))
CONNECTION_POOLS = st.builds(
    ConnectionPool,
    max_connections=st.none() | COUNTS,
    max_pending_requests=st.none() | COUNTS,
    max_requests=st.none() | COUNTS,
    max_requests_per_connection=st.none() | COUNTS,
    max_retries=st.none() | st.integers(0, 1000),
    connect_timeout=st.none() | SECONDS,
)
SESSIONS = st.builds(SessionPersistence, cookie=TOKENS, ttl=st.none() | SECONDS)
AUTHORIZED_PATHS = (PATHS | st.just("*") | PATHS.map("{}*".format)).filter(lambda path: "*" not in path[:-1])


def authorizations(callers: Sequence[str] = CALLERS) -> st.SearchStrategy[AuthorizationRule]:
    return st.builds(
        AuthorizationRule,
        action=st.sampled_from(AuthorizationAction),
        callers=_some(callers),
        methods=st.lists(METHODS, max_size=2, unique=True).map(tuple),
        paths=st.lists(AUTHORIZED_PATHS, max_size=2, unique=True).map(tuple),
        name=st.none() | st.from_regex(r"[a-z][a-z ]{0,8}[a-z]", fullmatch=True),
    )


def policies(versions: Sequence[str] = VERSIONS, callers: Sequence[str] = CALLERS) -> st.SearchStrategy[TrafficPolicy]:
    return st.builds(
        TrafficPolicy,
        rules=st.lists(rules(versions, callers), max_size=4).map(_reachable).map(_named),
        connection_pool=_maybe(CONNECTION_POOLS),
        outlier_detection=_maybe(OUTLIER_DETECTIONS),
        load_balancer=_maybe(LOAD_BALANCERS),
        session_persistence=_maybe(SESSIONS),
        rate_limit=_maybe(RATE_LIMITS),
        concurrency=_maybe(COUNTS),
        authorization=st.lists(authorizations(callers), max_size=2).map(tuple),
    )


def documents(
    versions: Sequence[str] = VERSIONS, callers: Sequence[str] = CALLERS
) -> st.SearchStrategy[dict[str, Any]]:
    """What stands under `traffic: {SERVICE: …}`."""
    return policies(versions, callers).map(document)


def _named(found: Sequence[Rule]) -> tuple[Rule, ...]:
    """Every other one."""
    return tuple(replace(rule, name=f"rule-{i}" if i % 2 else None) for i, rule in enumerate(found))


def _reachable(found: Sequence[Rule]) -> list[Rule]:
    """Without the rules, or matches of rules, that earlier ones leave nothing to."""
    kept: list[Rule] = []
    for rule in found:
        taken = {match for index, match, _ in unreachable([*kept, rule]) if index == len(kept)}
        left = tuple(match for place, match in enumerate(rule.matches) if place not in taken)
        if None not in taken and (left or not rule.matches):
            kept.append(replace(rule, matches=left))
    return kept
