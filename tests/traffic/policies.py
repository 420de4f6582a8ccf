"""Policies, edits and requests to try things with."""

from __future__ import annotations

from hypothesis import strategies as st

from sandbox.control import Edit, EditAction, RequestHead
from sandbox.model import (
    Abort,
    BackendRef,
    Delay,
    Fault,
    HeaderMatch,
    Match,
    MatchType,
    Mirror,
    PathMatch,
    PathMatchType,
    QueryParamMatch,
    RateLimit,
    Retry,
    Rule,
    Timeouts,
    TrafficPolicy,
)

VERSIONS = ("v1", "v2")
CALLERS = ("gateway", "orders", "shop")
ME = Match(headers=(HeaderMatch(name="x-user", value="me"),))
YOU = Match(headers=(HeaderMatch(name="x-user", value="you"),))


def header(name: str, value: str, type: MatchType = MatchType.EXACT) -> Match:
    return Match(headers=(HeaderMatch(name=name, value=value, type=type),))


def path(value: str, type: PathMatchType = PathMatchType.PREFIX) -> Match:
    return Match(path=PathMatch(value=value, type=type))


def split(**weights: int) -> tuple[BackendRef, ...]:
    return tuple(BackendRef(version=version, weight=weight) for version, weight in weights.items())


# --- generated ------------------------------------------------------------------------------------------------------

_paths = st.sampled_from(["/", "/a", "/a/b", "/ab", "/a/b/c"])
_values = st.sampled_from(["me", "you", "", "m1"])
_headers = st.builds(
    HeaderMatch,
    name=st.sampled_from(["x-user", "x-team"]),
    value=st.sampled_from(["me", "you", "m.*"]),
    type=st.sampled_from([MatchType.EXACT, MatchType.PRESENT, MatchType.REGULAR_EXPRESSION]),
)
_parameters = st.builds(
    QueryParamMatch,
    name=st.sampled_from(["q", "r"]),
    value=st.sampled_from(["1", "[0-9]+"]),
    type=st.sampled_from(list(MatchType)),
)
matches = st.builds(
    Match,
    path=st.none() | st.builds(PathMatch, value=_paths, type=st.sampled_from(list(PathMatchType))),
    headers=st.lists(_headers, max_size=2, unique_by=lambda one: one.name).map(tuple),
    query_params=st.lists(_parameters, max_size=1).map(tuple),
    method=st.none() | st.sampled_from(["GET", "POST"]),
    callers=st.lists(st.sampled_from(CALLERS), max_size=2, unique=True).map(tuple),
)
some_matches = matches.filter(lambda match: not match.is_everything)
_weights = st.integers(0, 100)
backends = st.just(()) | st.tuples(_weights, _weights.filter(bool)).map(lambda two: split(v1=two[0], v2=two[1]))
faults = st.builds(
    Fault,
    delay=st.none() | st.builds(Delay, fixed=st.sampled_from([0.1, 2.0])),
    abort=st.none()
    | st.builds(Abort, http_status=st.sampled_from([500, 503]), percentage=st.sampled_from([10.0, 100.0])),
)
_settings = {
    "backends": backends,
    "fault": st.none() | faults,
    "timeouts": st.builds(Timeouts, request=st.none() | st.sampled_from([0.5, 2.0])),
    "retry": st.none() | st.builds(Retry, attempts=st.integers(0, 3)),
    "mirrors": st.just(()) | st.just((Mirror(version="v2", percentage=10),)),
}
rules = st.builds(Rule, matches=st.lists(some_matches, min_size=1, max_size=2).map(tuple), **_settings)
last_rules = st.builds(Rule, **_settings)
policies = st.builds(
    lambda first, last: TrafficPolicy(rules=(*first, *([last] if last is not None and last != Rule() else []))),
    st.lists(rules, max_size=4, unique_by=lambda rule: rule.matches),
    st.none() | last_rules,
)
heads = st.builds(
    RequestHead,
    service=st.just("steamer"),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=st.tuples(_paths, st.sampled_from(["", "?q=1", "?q", "?r=22&q=x"])).map("".join),
    headers=st.dictionaries(st.sampled_from(["x-user", "X-Team"]), _values, max_size=2),
    caller=st.sampled_from(CALLERS),
)

said = {
    EditAction.SPLIT: st.builds(Rule, backends=st.just(split(v1=30, v2=70))),
    EditAction.ROUTE: st.builds(Rule, backends=st.just(split(v2=1))),
    EditAction.FAULT: st.builds(Rule, fault=faults.filter(lambda one: one != Fault())),
    EditAction.TIMEOUT: st.builds(Rule, timeouts=st.just(Timeouts(request=7.0))),
    EditAction.RETRY: st.builds(Rule, retry=st.builds(Retry, attempts=st.integers(4, 9))),
    EditAction.LIMIT: st.builds(Rule, rate_limit=st.just(RateLimit(requests=5))),
    EditAction.MIRROR: st.builds(Rule, mirrors=st.just((Mirror(version="v1"),))),
}


@st.composite
def edits(draw: st.DrawFn, match: st.SearchStrategy[Match] = matches) -> tuple[Edit, TrafficPolicy]:
    """An edit of rules, and what it reads as."""
    action = draw(st.sampled_from(list(said)))
    chosen = draw(match)
    wanted = () if chosen.is_everything else (chosen,)
    rule: Rule = draw(said[action])
    told = TrafficPolicy(rules=(Rule(matches=wanted, **{name: getattr(rule, name) for name in _named(action)}),))
    return Edit(service="steamer", action=action, values={"x": 1}, match={"x": 1} if wanted else {}), told


def _named(action: EditAction) -> tuple[str, ...]:
    names = {EditAction.SPLIT: "backends", EditAction.ROUTE: "backends", EditAction.FAULT: "fault"}
    more = {EditAction.TIMEOUT: "timeouts", EditAction.RETRY: "retry", EditAction.LIMIT: "rate_limit"}
    return ({**names, **more, EditAction.MIRROR: "mirrors"}[action],)


def clearing(edit: Edit, told: TrafficPolicy) -> tuple[Edit, TrafficPolicy]:
    """The edit that takes `edit` back."""
    back = Edit(service=edit.service, action=EditAction.CLEAR, values={"what": edit.action}, match=edit.match)
    rules = told.rules[0].matches
    return back, TrafficPolicy(rules=(Rule(matches=rules),) if rules else ())
