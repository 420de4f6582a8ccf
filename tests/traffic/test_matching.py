from __future__ import annotations

import pytest
from hypothesis import given

from sandbox.control import RequestHead
from sandbox.model import Match, MatchType, PathMatchType, QueryParamMatch
from sandbox.traffic.matching import covers, describe, objection
from tests.traffic.policies import ME, header, heads, matches, path


def head(path: str = "/", method: str = "GET", caller: str = "shop", **headers: str) -> RequestHead:
    return RequestHead(service="steamer", path=path, method=method, caller=caller, headers=headers)


def query(name: str, value: str = "", type: MatchType = MatchType.EXACT) -> Match:
    return Match(query_params=(QueryParamMatch(name=name, value=value, type=type),))


@pytest.mark.parametrize(
    ("match", "request_head"),
    [
        (Match(), head()),
        (path("/a"), head("/a")),
        (path("/a"), head("/a/b?c")),
        (path("/a/"), head("/a")),
        (path("/"), head("/x")),
        (path("/a", PathMatchType.EXACT), head("/a?b=/c")),
        (path("/a.*z", PathMatchType.REGULAR_EXPRESSION), head("/a/b/z?q")),
        (path(r"/a\z", PathMatchType.REGULAR_EXPRESSION), head("/a")),
        (ME, head(**{"X-User": "me"})),
        (header("x-user", "", MatchType.PRESENT), head(**{"x-user": ""})),
        (header("x-user", "m.", MatchType.REGULAR_EXPRESSION), head(**{"x-user": "me"})),
        (query("q", "1"), head("/?q=1&q=2")),
        (query("q", "%20"), head("/?q=%20")),
        (query("q", "", MatchType.PRESENT), head("/?q")),
        (Match(method="POST"), head(method="POST")),
        (Match(callers=("shop", "gateway")), head()),
    ],
    ids=str,
)
def test_what_fits(match: Match, request_head: RequestHead) -> None:
    assert objection(match, request_head) is None


@pytest.mark.parametrize(
    ("match", "request_head", "why"),
    [
        (path("/a"), head("/ab"), "the path is /ab, not /a/*"),
        (path("/a", PathMatchType.EXACT), head("/a/"), "the path is /a/, not /a"),
        (path("/a", PathMatchType.REGULAR_EXPRESSION), head("/ab"), "the path is /ab, not ~/a"),
        (path(r"/\d", PathMatchType.REGULAR_EXPRESSION), head("/٣"), "the path is /٣, not ~/\\d"),
        (ME, head(), "has no header x-user"),
        (ME, head(**{"x-user": "you"}), "header x-user is 'you', not me"),
        (header("x-user", "(?=m)", MatchType.REGULAR_EXPRESSION), head(**{"x-user": "me"}), "not ~(?=m)"),
        (query("q", "2"), head("/?q=1&q=2"), "query parameter q is '1', not 2"),
        (query("q", " "), head("/?q=%20"), "query parameter q is '%20', not  "),
        (Match(method="POST"), head(), "the method is GET, not POST"),
        (Match(callers=("gateway",)), head(), "comes from shop, not from gateway"),
    ],
    ids=str,
)
def test_what_does_not_fit_and_why(match: Match, request_head: RequestHead, why: str) -> None:
    assert why in str(objection(match, request_head))


@given(matches, matches, heads)
def test_a_wider_match_fits_whatever_the_narrower_one_does(
    wide: Match, narrow: Match, request_head: RequestHead
) -> None:
    if covers(wide, narrow) and objection(narrow, request_head) is None:
        assert objection(wide, request_head) is None


@given(matches)
def test_every_match_takes_all_from_itself_and_everything_takes_all(match: Match) -> None:
    assert covers(match, match) and covers(Match(), match)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (path("/a"), path("/a/b")),
        (path("/a"), path("/a/b", PathMatchType.EXACT)),
        (path("/"), path("/.*", PathMatchType.REGULAR_EXPRESSION)),
        (path("/[ab]", PathMatchType.REGULAR_EXPRESSION), path("/a", PathMatchType.EXACT)),
        (header("x", "", MatchType.PRESENT), header("x", "1")),
        (header("x", "[0-9]", MatchType.REGULAR_EXPRESSION), header("x", "1")),
        (Match(callers=("a", "b")), Match(callers=("a",))),
    ],
    ids=str,
)
def test_wider_and_narrower(wide: Match, narrow: Match) -> None:
    assert covers(wide, narrow) and not covers(narrow, wide)


def test_in_words() -> None:
    match = Match(
        path=path("/v2").path,
        headers=ME.headers,
        query_params=query("q", "1").query_params,
        method="GET",
        callers=("a",),
    )

    assert describe(match) == "GET /v2/* with x-user: me, ?q=1 from a"
    assert describe(Match()) == "every request"
