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
from sandbox.config.traffic import document
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


def path_matches() -> st.SearchStrategy[PathMatch]:
    kinds = st.sampled_from([PathMatchType.EXACT, PathMatchType.PREFIX])
    expressions = st.builds("/{}".format, EXPRESSIONS)
    return st.builds(PathMatch, value=PATHS, type=kinds) | st.builds(
        PathMatch, value=expressions, type=st.just(PathMatchType.REGULAR_EXPRESSION)
    )


@st.composite
def _conditions(draw: st.DrawFn, kind: Any, names: st.SearchStrategy[str]) -> Any:
    how = draw(st.sampled_from(MatchType))
    values = {MatchType.EXACT: VALUES, MatchType.REGULAR_EXPRESSION: EXPRESSIONS, MatchType.PRESENT: st.just("")}
    return kind(name=draw(names), type=how, value=draw(values[how]))


@st.composite
def matches(draw: st.DrawFn, callers: Sequence[str] = CALLERS) -> Match:
    headers = tuple(draw(st.lists(_conditions(HeaderMatch, TOKENS), max_size=2)))
    params = tuple(draw(st.lists(_conditions(QueryParamMatch, TOKENS), max_size=2)))
    whom = st.lists(st.sampled_from(callers), max_size=2, unique=True).map(tuple) if callers else st.just(())
    return Match(
        path=draw(st.none() | path_matches()),
        headers=() if contradiction(headers) else headers,
        query_params=() if contradiction(params) else params,
        method=draw(st.none() | METHODS),
        callers=draw(whom),
    )


@st.composite
def header_modifiers(draw: st.DrawFn) -> HeaderModifier:
    names = draw(st.lists(HEADER_NAMES, min_size=1, max_size=4, unique=True))
    set_until, add_until = sorted(draw(st.tuples(*[st.integers(0, len(names))] * 2)))
    return HeaderModifier(
        set={name: draw(VALUES) for name in names[:set_until]},
        add={name: draw(VALUES) for name in names[set_until:add_until]},
        remove=tuple(names[add_until:]),
    )


def _path_modifiers(*, by_prefix: bool) -> st.SearchStrategy[PathModifier]:
    full = st.builds(PathModifier, replace_full=PATHS)
    return full | st.builds(PathModifier, replace_prefix=PATHS) if by_prefix else full


def retries(*, hedge: bool) -> st.SearchStrategy[Retry]:
    budget = st.builds(RetryBudget, percent=PERCENTAGES, min_concurrency=st.integers(0, 100))
    conditions = st.sampled_from(
        ["5xx", "gateway-error", "reset", "connect-failure", "refused-stream", "unavailable", "cancelled", "internal"]
    )
    return st.builds(
        Retry,
        attempts=st.integers(0, 100),
        codes=st.lists(st.integers(400, 599), max_size=3, unique=True).map(tuple),
        backoff=SECONDS,
        on=st.lists(conditions, max_size=3, unique=True).map(tuple),
        methods=st.lists(METHODS, max_size=2, unique=True).map(tuple),
        budget=st.none() | budget,
        hedge=st.booleans() if hedge else st.just(False),
    )


def faults() -> st.SearchStrategy[Fault]:
    delays = st.builds(Delay, fixed=SECONDS, percentage=PERCENTAGES)
    aborts = (
        st.builds(Abort, http_status=st.integers(200, 599), percentage=PERCENTAGES)
        | st.builds(Abort, grpc_status=st.integers(0, 16), percentage=PERCENTAGES)
        | st.builds(Abort, reset=st.just(True), percentage=PERCENTAGES)
    )
    return (
        st.builds(Fault, delay=delays) | st.builds(Fault, abort=aborts) | st.builds(Fault, delay=delays, abort=aborts)
    )


@st.composite
def rate_limits(draw: st.DrawFn) -> RateLimit:
    by = draw(st.sampled_from(LimitBy))
    return RateLimit(
        requests=draw(COUNTS),
        per=draw(SECONDS.filter(lambda seconds: seconds >= 0.05)),
        burst=draw(st.none() | COUNTS),
        by=by,
        header=draw(TOKENS) if by is LimitBy.HEADER else None,
    )


def cors() -> st.SearchStrategy[Cors]:
    origins = st.just("*") | st.builds("https://{}".format, HOSTS) | st.builds("http://*.{}:8080".format, HOSTS)
    tokens = st.lists(TOKENS, max_size=2, unique=True).map(tuple)
    return st.builds(
        Cors,
        allow_origins=st.lists(origins, min_size=1, max_size=3, unique=True).map(tuple),
        allow_methods=st.lists(METHODS, max_size=2, unique=True).map(tuple),
        allow_headers=tokens,
        expose_headers=tokens,
        max_age=st.none() | st.integers(0, 86400).map(float),
        allow_credentials=st.booleans(),
    )


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Most of the time nothing: a rule with everything in it shows little."""
    return st.one_of(st.none(), st.none(), strategy)


@st.composite
def rules(draw: st.DrawFn, versions: Sequence[str] = VERSIONS, callers: Sequence[str] = CALLERS) -> Rule:
    found = tuple(draw(st.lists(matches(callers), max_size=3)))
    by_prefix = all(match.path is None or match.path.type is PathMatchType.PREFIX for match in found)
    first, second = sorted(draw(st.tuples(SECONDS, SECONDS)))
    timeouts = Timeouts(
        request=draw(st.sampled_from([None, second])),
        backend_request=draw(st.sampled_from([None, first])),
        idle=draw(st.none() | SECONDS),
    )
    rule = Rule(
        matches=found,
        request_headers=draw(_maybe(header_modifiers())),
        response_headers=draw(_maybe(header_modifiers())),
        cors=draw(_maybe(cors())),
        timeouts=timeouts,
        retry=draw(_maybe(retries(hedge=timeouts.backend_request is not None))),
        fault=draw(_maybe(faults())),
        rate_limit=draw(_maybe(rate_limits())),
    )
    answers = {"service": _to_service, "redirect": _redirect, "direct": _direct}
    kind = draw(st.sampled_from(["service", "service", "service", "redirect", "direct"]))
    return replace(rule, **draw(answers[kind](by_prefix, versions)))


@st.composite
def _to_service(draw: st.DrawFn, by_prefix: bool, versions: Sequence[str]) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(versions), max_size=len(versions), unique=True))
    weights = [draw(st.integers(0, 1000)) for _ in names]
    if weights and not any(weights):
        weights[0] = 1
    rewrite = st.builds(Rewrite, hostname=HOSTS, path=st.none() | _path_modifiers(by_prefix=by_prefix)) | st.builds(
        Rewrite, path=_path_modifiers(by_prefix=by_prefix)
    )
    mirror = st.builds(Mirror, version=st.sampled_from(versions), percentage=PERCENTAGES)
    return {
        "backends": tuple(BackendRef(version=n, weight=w) for n, w in zip(names, weights, strict=True)),
        "mirrors": tuple(draw(st.lists(mirror, max_size=2))),
        "rewrite": draw(_maybe(rewrite)),
    }


@st.composite
def _redirect(draw: st.DrawFn, by_prefix: bool, versions: Sequence[str]) -> dict[str, Any]:
    redirect = Redirect(
        scheme=draw(st.sampled_from([None, "http", "https"])),
        hostname=draw(HOSTS),
        port=draw(st.none() | st.integers(1, 65535)),
        path=draw(st.none() | _path_modifiers(by_prefix=by_prefix)),
        status=draw(st.sampled_from([301, 302, 303, 307, 308])),
    )
    return {"redirect": redirect}


@st.composite
def _direct(draw: st.DrawFn, by_prefix: bool, versions: Sequence[str]) -> dict[str, Any]:
    body = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    return {"direct_response": DirectResponse(status=draw(st.integers(200, 599)), body=draw(body))}


def load_balancers() -> st.SearchStrategy[LoadBalancer]:
    simple = st.sampled_from([Balancing.ROUND_ROBIN, Balancing.LEAST_REQUEST, Balancing.RANDOM])
    hashed = st.just(Balancing.CONSISTENT_HASH)
    return (
        st.builds(LoadBalancer, policy=simple)
        | st.builds(LoadBalancer, policy=hashed, hash_header=TOKENS)
        | st.builds(LoadBalancer, policy=hashed, hash_cookie=TOKENS)
        | st.builds(LoadBalancer, policy=hashed, hash_source=st.just(True))
    )


def outlier_detections() -> st.SearchStrategy[OutlierDetection]:
    return st.builds(
        OutlierDetection,
        consecutive_5xx=st.none() | COUNTS,
        consecutive_gateway_errors=st.none() | COUNTS,
        interval=SECONDS,
        base_ejection_time=SECONDS,
        max_ejection_percent=st.integers(0, 100),
    ).filter(lambda found: bool(found.consecutive_5xx or found.consecutive_gateway_errors))


def authorizations(callers: Sequence[str] = CALLERS) -> st.SearchStrategy[AuthorizationRule]:
    paths = PATHS | st.just("*") | PATHS.map(lambda path: f"{path}*")
    exact = paths.filter(lambda path: "*" not in path[:-1])
    return st.builds(
        AuthorizationRule,
        action=st.sampled_from(AuthorizationAction),
        callers=st.lists(st.sampled_from(callers), max_size=2, unique=True).map(tuple) if callers else st.just(()),
        methods=st.lists(METHODS, max_size=2, unique=True).map(tuple),
        paths=st.lists(exact, max_size=2, unique=True).map(tuple),
        name=st.none() | st.from_regex(r"[a-z][a-z ]{0,8}[a-z]", fullmatch=True),
    )


@st.composite
def policies(draw: st.DrawFn, versions: Sequence[str] = VERSIONS, callers: Sequence[str] = CALLERS) -> TrafficPolicy:
    pool = st.builds(
        ConnectionPool,
        max_connections=st.none() | COUNTS,
        max_pending_requests=st.none() | COUNTS,
        max_requests=st.none() | COUNTS,
        max_requests_per_connection=st.none() | COUNTS,
        max_retries=st.none() | st.integers(0, 1000),
        connect_timeout=st.none() | SECONDS,
    )
    return TrafficPolicy(
        rules=_named(draw, _reachable(draw(st.lists(rules(versions, callers), max_size=4)))),
        connection_pool=draw(_maybe(pool)),
        outlier_detection=draw(_maybe(outlier_detections())),
        load_balancer=draw(_maybe(load_balancers())),
        session_persistence=draw(_maybe(st.builds(SessionPersistence, cookie=TOKENS, ttl=st.none() | SECONDS))),
        rate_limit=draw(_maybe(rate_limits())),
        concurrency=draw(_maybe(COUNTS)),
        authorization=tuple(draw(st.lists(authorizations(callers), max_size=2))),
    )


def documents(
    versions: Sequence[str] = VERSIONS, callers: Sequence[str] = CALLERS
) -> st.SearchStrategy[dict[str, Any]]:
    """What stands under `traffic: {SERVICE: …}`."""
    return policies(versions, callers).map(document)


def _named(draw: st.DrawFn, found: Sequence[Rule]) -> tuple[Rule, ...]:
    return tuple(replace(rule, name=draw(st.sampled_from([None, f"rule-{i}"]))) for i, rule in enumerate(found))


def _reachable(found: Sequence[Rule]) -> list[Rule]:
    """Without the rules, or matches of rules, that earlier ones leave nothing to."""
    kept: list[Rule] = []
    for rule in found:
        taken = {match for index, match, _ in unreachable([*kept, rule]) if index == len(kept)}
        left = tuple(match for place, match in enumerate(rule.matches) if place not in taken)
        if None not in taken and (left or not rule.matches):
            kept.append(replace(rule, matches=left))
    return kept
