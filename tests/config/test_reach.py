"""What earlier rules take: never said of a rule that some request still reaches."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.config.checks.reach import contradiction, covers, unreachable
from sandbox.model import HeaderMatch, Match, MatchType, PathMatch, PathMatchType, QueryParamMatch, Rule
from sandbox.model.regex import matches, may_begin_with

Pairs = Sequence[tuple[str, str]]

PATHS = st.sampled_from(["/", "/a", "/a/b", "/ab", "/b"])
VALUES = st.sampled_from(["", "a", "ab", "b"])
EXPRESSIONS = st.sampled_from(["a.*", ".*", "a|b", "[^a]*"])
NAMES = st.sampled_from(["x", "y"])
CALLERS = ("gateway", "s", "t")


def conditions(kind: type[HeaderMatch] | type[QueryParamMatch]) -> st.SearchStrategy[tuple[HeaderMatch, ...]]:
    one = (
        st.builds(kind, name=NAMES, value=VALUES)
        | st.builds(kind, name=NAMES, value=EXPRESSIONS, type=st.just(MatchType.REGULAR_EXPRESSION))
        | st.builds(kind, name=NAMES, type=st.just(MatchType.PRESENT))
    )
    return st.lists(one, max_size=2).map(tuple)  # type: ignore[arg-type]


PATH_MATCHES = st.builds(
    PathMatch, value=PATHS, type=st.sampled_from([PathMatchType.EXACT, PathMatchType.PREFIX])
) | st.builds(
    PathMatch, value=st.sampled_from(["/a.*", "/.*", "/a|/b"]), type=st.just(PathMatchType.REGULAR_EXPRESSION)
)
MATCHES = st.builds(
    Match,
    path=st.none() | PATH_MATCHES,
    headers=conditions(HeaderMatch),
    query_params=conditions(QueryParamMatch),
    method=st.sampled_from([None, "GET", "POST"]),
    callers=st.lists(st.sampled_from(CALLERS), max_size=2, unique=True).map(tuple),
)
PAIRS = st.dictionaries(NAMES, VALUES, max_size=2)
REQUESTS = st.tuples(PATHS, PAIRS, PAIRS, st.sampled_from(["GET", "POST"]), st.sampled_from(CALLERS))
Request = tuple[str, dict[str, str], dict[str, str], str, str]


def fits(match: Match, request: Request) -> bool:
    path, headers, params, method, caller = request
    return (
        (match.path is None or _path_fits(match.path, path))
        and all(_holds(condition, headers) for condition in match.headers)
        and all(_holds(condition, params) for condition in match.query_params)
        and match.method in (None, method)
        and (not match.callers or caller in match.callers)
    )


def _path_fits(match: PathMatch, path: str) -> bool:
    if match.type is PathMatchType.REGULAR_EXPRESSION:
        return matches(match.value, path)
    if match.type is PathMatchType.EXACT:
        return match.value == path
    return match.value == "/" or path == match.value or path.startswith(f"{match.value}/")


def _holds(condition: HeaderMatch | QueryParamMatch, given: dict[str, str]) -> bool:
    if condition.name not in given:
        return False
    value = given[condition.name]
    if condition.type is MatchType.REGULAR_EXPRESSION:
        return matches(condition.value, value)
    return condition.type is MatchType.PRESENT or condition.value == value


@settings(max_examples=1000, deadline=None)
@given(wide=MATCHES, other=MATCHES, request=REQUESTS)
def test_what_is_covered_fits(wide: Match, other: Match, request: Request) -> None:
    narrow = Match(
        path=other.path or wide.path,
        headers=(*other.headers, *wide.headers),
        query_params=(*other.query_params, *wide.query_params[1:]),
        method=other.method,
        callers=other.callers,
    )

    assert not covers(wide, narrow) or fits(wide, request) or not fits(narrow, request)


@settings(max_examples=300, deadline=None)
@given(found=st.lists(st.lists(MATCHES, max_size=2).map(tuple), max_size=4), request=REQUESTS)
def test_no_request_reaches_what_is_called_unreachable(found: list[tuple[Match, ...]], request: Request) -> None:
    rules = [Rule(matches=one) for one in found]
    for index, place, _ in unreachable(rules):
        wanted = rules[index].matches or (Match(),)
        some = wanted if place is None else wanted[place : place + 1]
        before = [match for rule in rules[:index] for match in rule.matches or (Match(),)]
        if any(fits(match, request) for match in some):
            assert any(fits(match, request) for match in before)


@settings(max_examples=300, deadline=None)
@given(found=conditions(HeaderMatch), request=REQUESTS)
def test_no_request_fits_a_contradiction(found: tuple[HeaderMatch, ...], request: Request) -> None:
    if contradiction(found) is not None:
        assert not fits(Match(headers=found), request)


@pytest.mark.parametrize(
    ("wide", "narrow", "is_covered"),
    [
        (Match(), Match(method="GET"), True),
        (Match(method="GET"), Match(), False),
        (Match(path=PathMatch(value="/")), Match(), True),
        (Match(path=PathMatch(value="/a")), Match(path=PathMatch(value="/a/b")), True),
        (Match(path=PathMatch(value="/a")), Match(path=PathMatch(value="/ab")), False),
        (Match(headers=(HeaderMatch(name="x"),)), Match(headers=(HeaderMatch(name="x", value="1"),)), False),
        (
            Match(headers=(HeaderMatch(name="x", type=MatchType.PRESENT),)),
            Match(headers=(HeaderMatch(name="x", value="1"),)),
            True,
        ),
        (Match(callers=("a", "b")), Match(callers=("a",)), True),
        (Match(callers=("a",)), Match(callers=("a", "b")), False),
    ],
)
def test_covering(wide: Match, narrow: Match, is_covered: bool) -> None:
    assert covers(wide, narrow) is is_covered


@pytest.mark.parametrize(
    ("expression", "may"),
    [("/a.*", True), (".*", True), ("b.*", False), ("a|/", True), ("(?i)/A", True), ("", False)],
)
def test_paths_begin_with_a_slash(expression: str, may: bool) -> None:
    assert may_begin_with(expression, "/") is may
